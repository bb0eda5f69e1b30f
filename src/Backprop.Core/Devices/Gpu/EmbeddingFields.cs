using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>What the fields of a layout tell the device's threads, brought there once for each layout.</summary>
internal sealed partial class GpuDevice
{
    // A block whose layout is gone goes back to the pool by its finalizer.
    private readonly ConditionalWeakTable<EmbeddingField[], GpuBlock> _embeddingFields = [];

    /// <summary>The description of a layout's fields in the device's memory; null where a row is one key, which the walk describes.</summary>
    private GpuBlock? FieldsOf(in EmbeddingLayout layout)
    {
        if (layout.Fields is not { } fields)
            return null;
        if (_embeddingFields.TryGetValue(fields, out GpuBlock? known))
            return known;
        lock (_embeddingFields)
        {
            if (_embeddingFields.TryGetValue(fields, out known))
                return known;
            int[] description = EmbeddingWalk.Describe(layout);
            GpuBlock block = _buffers.Rent(description.Length);
            Upload(description, block);
            _embeddingFields.Add(fields, block);
            return block;
        }
    }
}

/// <summary>A column of the result of an embedding.</summary>
/// <param name="source">Where its number or key stands in a row of x.</param>
/// <param name="tableRows">The rows of the key's table; 0 for a number.</param>
/// <param name="offset">Where the column begins in the tables.</param>
/// <param name="width">The columns of the table.</param>
/// <param name="key">Which of the keys it is.</param>
internal readonly struct EmbeddingColumn(int source, int tableRows, int offset, int width, int key)
{
    public readonly int Source = source, TableRows = tableRows, Offset = offset, Width = width, Key = key;
}

/// <summary>
/// Rows of an embedding, and how to read the description of their fields: five numbers for each column of y (source, table
/// rows, offset, width, key), each kind together; one for each column of x (its place in y, −1 for a key); three for each key
/// (source, table rows, fixed row). Rows of a single key have none; the walk itself tells all.
/// </summary>
internal readonly struct EmbeddingWalk
{
    /// <summary>The numbers that describe a column of y and a key.</summary>
    private const int PerColumn = 5, PerKey = 3;

    public readonly int Rows, InputWidth, OutputWidth, Keys;
    public readonly Divisor InputColumns, OutputColumns, RowsDivisor;
    private readonly int _isOneKey, _tableRows, _fixedRow;

    public EmbeddingWalk(in EmbeddingLayout layout, int rows)
    {
        (Rows, InputWidth, OutputWidth) = (rows, layout.InputWidth, layout.OutputWidth);
        (InputColumns, OutputColumns, RowsDivisor) = (new Divisor(InputWidth), new Divisor(OutputWidth), new Divisor(rows));
        for (int f = 0; f < layout.Count; f++)
            Keys += layout[f].IsKey ? 1 : 0;
        (_isOneKey, _tableRows, _fixedRow) = layout.Fields is null ? (1, layout[0].TableRows, layout[0].FixedRow ?? -1) : (0, 0, -1);
    }

    /// <summary>The description of a layout with a list of fields.</summary>
    public static int[] Describe(in EmbeddingLayout layout)
    {
        var keys = new List<int>();
        int[] columns = new int[PerColumn * layout.OutputWidth], inputs = new int[layout.InputWidth];
        for (int f = 0; f < layout.Count; f++)
        {
            EmbeddingField field = layout[f];
            for (int i = 0; i < field.Width; i++)
            {
                int column = field.Destination + i;
                int[] numbers = [field.IsKey ? field.Source : field.Source + i, field.TableRows, field.TableStart + i, field.Width, keys.Count / PerKey];
                for (int kind = 0; kind < PerColumn; kind++)
                    columns[kind * layout.OutputWidth + column] = numbers[kind];
                inputs[numbers[0]] = field.IsKey ? -1 : column;
            }

            if (field.IsKey)
                keys.AddRange([field.Source, field.TableRows, field.FixedRow ?? -1]);
        }

        return [.. columns, .. inputs, .. keys];
    }

    /// <summary>Whether looking at every row's key for each element of a table costs less than looking at every row's key for each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsSmall(int tableRows, int width) => tableRows * width <= Rows;

    /// <summary>A column of y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EmbeddingColumn Column(ArrayView<int> description, int column) => _isOneKey != 0
        ? new EmbeddingColumn(0, _tableRows, column, OutputWidth, 0)
        : new EmbeddingColumn(
            description[column], description[OutputWidth + column], description[2 * OutputWidth + column], description[3 * OutputWidth + column],
            description[4 * OutputWidth + column]);

    /// <summary>The column of y that a column of x goes to; −1 for a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Destination(ArrayView<int> description, int column) => _isOneKey != 0 ? -1 : description[PerColumn * OutputWidth + column];

    /// <summary>Where a key stands in a row of x, the rows of its table, and the one that gets no gradient, −1 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Key(ArrayView<int> description, int key, out int source, out int tableRows, out int fixedRow)
    {
        int first = PerColumn * OutputWidth + InputWidth + PerKey * key;
        source = _isOneKey != 0 ? 0 : description[first];
        tableRows = _isOneKey != 0 ? _tableRows : description[first + 1];
        fixedRow = _isOneKey != 0 ? _fixedRow : description[first + 2];
    }
}
