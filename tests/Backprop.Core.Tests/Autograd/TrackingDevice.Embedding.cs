using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

internal sealed partial class TrackingDevice
{
    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y) => Inner.Embed(layout, rows, x, tables, y);

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate) =>
        Inner.EmbedBackwardTables(layout, rows, x, gradOutput, gradTables, accumulate);

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Inner.EmbedBackwardInput(layout, rows, gradOutput, gradInput, accumulate);
}
