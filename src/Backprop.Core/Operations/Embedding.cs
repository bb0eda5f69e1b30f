using System.Buffers;
using System.Globalization;
using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Rows in which each key is replaced by a row of a table; the numbers between them are passed on. Backward: the gradient of
/// a table's row is the sum of those of all places it went to, that of a number is passed on, and a key has none.
/// </summary>
internal sealed class Embedding : Operation<Embedding.Attributes>
{
    private Embedding()
    {
    }

    public static Embedding Instance { get; } = new();

    public override string Name => "Embedding";

    /// <summary>Every value of the indices becomes a row of one table. The indices are checked.</summary>
    /// <param name="indices">[...], whole numbers from 0 to the table's rows − 1; NaN gives a row of NaN.</param>
    /// <param name="table">[rows, dimension].</param>
    /// <param name="paddingIndex">The row that gets no gradient, if there is one.</param>
    /// <param name="name">Who asks, for the error.</param>
    public static Tensor Apply(Tensor indices, Tensor table, int? paddingIndex, string name)
    {
        if (table.Shape.Rank != 2)
            throw new ShapeException($"{name}: the table has the shape {table.Shape}; expected [rows, dimension].");
        if (indices.Shape.Rank == Shape.MaximumRank)
            throw new ShapeException($"{name}: the indices have the shape {indices.Shape}; with the dimension of the table behind it, that is one axis too many.");
        int rows = table.Shape[0], dimension = table.Shape[1];
        if (paddingIndex is { } padding && (padding < 0 || padding >= rows))
            throw new ArgumentOutOfRangeException(nameof(paddingIndex), padding, $"{name}: the padding index is {padding}; expected a row of the table, from 0 to {rows - 1}.");
        Check(indices.Storage, rows, name);
        Span<int> lengths = stackalloc int[indices.Shape.Rank + 1];
        for (int axis = 0; axis < lengths.Length - 1; axis++)
            lengths[axis] = indices.Shape[axis];
        lengths[^1] = dimension;
        return Instance.Forward(indices.Storage, table.Storage, new EmbeddingLayout(rows, dimension, paddingIndex), indices.Shape.Length, Shape.Create(lengths));
    }

    /// <summary>Rows of keys and numbers. The keys are not checked: one without a row takes row 0.</summary>
    /// <param name="x">[..., InputWidth].</param>
    /// <param name="tables">All tables, one after the other.</param>
    /// <param name="layout">What stands where.</param>
    public static Tensor Apply(Tensor x, Tensor tables, in EmbeddingLayout layout)
    {
        if (x.Shape.Rank == 0 || x.Shape[x.Shape.Rank - 1] != layout.InputWidth || tables.Length != layout.TableLength)
            throw new ShapeException($"Embedding: the input has shape {x.Shape} and the tables {tables.Shape}; expected [..., {layout.InputWidth}] and {layout.TableLength} values.");
        return Instance.Forward(x.Storage, tables.Storage, layout, x.Shape.RowCount, x.Shape.WithLastAxis(layout.OutputWidth));
    }

    private Tensor Forward(TensorStorage x, TensorStorage tables, in EmbeddingLayout layout, int rows, in Shape result)
    {
        TapeState tape = TapeState.Of(Name, [x, tables]);
        TensorStorage y = tape.Allocate(result);
        tape.Device.Embed(layout, rows, x.Values, tables.Values, y.Values);
        Record(tape, y, new Attributes(layout, rows), [x, tables], Needs.Input0);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        TensorStorage x = record.Input(0), tables = record.Input(1);
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (tables.RequiresGradient)
        {
            MemoryBlock gradTables = tape.GradientOf(tables, out bool accumulate);
            tape.Device.EmbedBackwardTables(attributes.Layout, attributes.Rows, x.Values, gradOutput, gradTables, accumulate);
        }

        if (x.RequiresGradient)
        {
            MemoryBlock gradInput = tape.GradientOf(x, out bool accumulate);
            tape.Device.EmbedBackwardInput(attributes.Layout, attributes.Rows, gradOutput, gradInput, accumulate);
        }
    }

    // Costs far less than fetching the rows, and a wrong token would be answered with the row of another one.
    private static void Check(TensorStorage indices, int rows, string name)
    {
        int length = indices.Shape.Length;
        float[] values = ArrayPool<float>.Shared.Rent(length);
        try
        {
            indices.Device.Download(indices.Values, values.AsSpan(0, length));
            for (int i = 0; i < length; i++)
            {
                float index = values[i];
                if (!(index >= 0 && index < rows && index == MathF.Floor(index)) && !float.IsNaN(index))
                    throw new ArgumentOutOfRangeException(nameof(indices), index, string.Create(CultureInfo.InvariantCulture, $"{name}: value {i} of the indices of shape {indices.Shape} is {index}; expected a row of the table, a whole number from 0 to {rows - 1}."));
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
    }

    internal readonly record struct Attributes(EmbeddingLayout Layout, int Rows);
}
