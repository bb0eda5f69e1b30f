using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Keys replaced by rows of tables, and the gradients of these rows. Threads share out the values of the result; nothing is
/// added to by two threads. The gradient of a table's element is the sum over the rows that name it, in their order: where the
/// table is small, its threads look at every row's key; where it is large, the rows with the same key are linked into chains
/// first, and a thread walks along one.
/// </summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _embed;
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<float>, ArrayView<int>>? _embeddingTableRows;
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<int>>? _linkEmbeddings;
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<int>, int, ArrayView<float>, ArrayView<float>, int>? _embedBackwardSmall;
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int>? _embedBackwardLarge;
    private Action<AcceleratorStream, KernelConfig, EmbeddingWalk, ArrayView<int>, ArrayView<float>, ArrayView<float>, int>? _embedBackwardInput;

    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y)
    {
        GpuBlock? fields = FieldsOf(layout);
        Kernel(ref _embed, EmbeddingKernels.Embed)(
            _stream, GridFor(rows * layout.OutputWidth), new EmbeddingWalk(layout, rows), IntegersOr(fields, x), Floats(x), Floats(tables), Floats(y));
        GC.KeepAlive(fields);
    }

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate)
    {
        if (!accumulate)
            Fill(gradTables, 0f, layout.TableLength);
        var walk = new EmbeddingWalk(layout, rows);
        int rowsOfSmallTables = 0;
        bool anyLargeTable = false;
        for (int f = 0; f < layout.Count; f++)
        {
            EmbeddingField field = layout[f];
            if (field.IsKey && walk.IsSmall(field.TableRows, field.Width))
                rowsOfSmallTables = Math.Max(rowsOfSmallTables, field.TableRows);
            else
                anyLargeTable |= field.IsKey;
        }

        int keys = walk.Keys * rows;
        if (keys == 0)
            return;
        GpuBlock? fields = FieldsOf(layout);
        ArrayView<int> description = IntegersOr(fields, x);
        GpuBlock tableRows = _buffers.Rent(keys);
        Kernel(ref _embeddingTableRows, EmbeddingKernels.TableRows)(_stream, GridFor(keys), walk, description, Floats(x), tableRows.Integers);
        if (rowsOfSmallTables > 0)
            Kernel(ref _embedBackwardSmall, EmbeddingKernels.BackwardSmallTables)(
                _stream, GridFor(rowsOfSmallTables * layout.OutputWidth), walk, description, tableRows.Integers, rowsOfSmallTables, Floats(gradOutput), Floats(gradTables), Flag(accumulate));
        if (anyLargeTable)
        {
            GpuBlock links = _buffers.Rent(keys);
            Kernel(ref _linkEmbeddings, EmbeddingKernels.Link)(_stream, GridFor(keys), walk, tableRows.Integers, links.Integers);
            Kernel(ref _embedBackwardLarge, EmbeddingKernels.BackwardLargeTables)(
                _stream, GridFor(rows * layout.OutputWidth), walk, description, tableRows.Integers, links.Integers, Floats(gradOutput), Floats(gradTables), Flag(accumulate));
            _buffers.Return(links);
        }

        _buffers.Return(tableRows);
        GC.KeepAlive(fields);
    }

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        GpuBlock? fields = FieldsOf(layout);
        Kernel(ref _embedBackwardInput, EmbeddingKernels.BackwardInput)(
            _stream, GridFor(rows * layout.InputWidth), new EmbeddingWalk(layout, rows), IntegersOr(fields, gradOutput), Floats(gradOutput), Floats(gradInput), Flag(accumulate));
        GC.KeepAlive(fields);
    }

    private static ArrayView<int> IntegersOr(MemoryBlock? block, MemoryBlock other) => ((GpuBlock)(block ?? other)).Integers;
}
