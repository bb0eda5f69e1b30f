using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The contract goes on here: what a device must do to replace keys by rows of tables.
public abstract partial class Device
{
    /// <summary>
    /// y = the rows of x, [rows, InputWidth], with their keys replaced by rows of the tables, [rows, OutputWidth]. A key is a
    /// number rounded to the nearest whole one, ties to even; one for which there is no row takes row 0, and NaN gives NaN.
    /// </summary>
    internal abstract void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y);

    /// <summary>
    /// gradTables (+)= the gradients of all places of y that a row of a table went to, summed in the order of the rows. A row
    /// that is fixed gets none, and a key that is NaN gives none.
    /// </summary>
    internal abstract void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate);

    /// <summary>gradInput (+)= the gradients of the numbers; 0 for keys.</summary>
    internal abstract void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate);
}
