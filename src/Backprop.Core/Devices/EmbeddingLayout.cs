namespace Backprop.Devices;

/// <summary>A part of each row: neighbouring numbers, which are passed on, or one key, which becomes a row of a table.</summary>
/// <param name="Source">Where it begins in a row of x.</param>
/// <param name="Destination">Where it begins in a row of y.</param>
/// <param name="Width">How many values of y it becomes: the numbers themselves, or the dimension of the table.</param>
internal readonly record struct EmbeddingField(int Source, int Destination, int Width)
{
    /// <summary>The rows of the key's table; 0 for numbers.</summary>
    public int TableRows { get; init; }

    /// <summary>Where the table begins among all tables.</summary>
    public int TableStart { get; init; }

    /// <summary>A row of the table that gets no gradient, if there is one.</summary>
    public int? FixedRow { get; init; }

    public bool IsKey => TableRows > 0;
}

/// <summary>
/// What becomes of rows with keys in them: each key is replaced by its row of a table, everything else stays, in the old
/// order. The tables stand one after the other, each [rows, dimension].
/// </summary>
internal readonly struct EmbeddingLayout
{
    private readonly EmbeddingField _only;
    private readonly EmbeddingField[]? _fields;

    /// <summary>Rows that consist of one key.</summary>
    /// <param name="tableRows">The rows of its table.</param>
    /// <param name="dimension">The values of each.</param>
    /// <param name="fixedRow">The one that gets no gradient, if there is one.</param>
    public EmbeddingLayout(int tableRows, int dimension, int? fixedRow)
    {
        _only = new EmbeddingField(0, 0, dimension) { TableRows = tableRows, FixedRow = fixedRow };
        (InputWidth, OutputWidth, TableLength, Count) = (1, dimension, tableRows * dimension, 1);
    }

    /// <summary>Rows of several fields.</summary>
    /// <param name="inputWidth">The values of a row of x.</param>
    /// <param name="fields">The fields: they cover every value of x and of y once.</param>
    public EmbeddingLayout(int inputWidth, EmbeddingField[] fields)
    {
        _fields = fields;
        (InputWidth, Count) = (inputWidth, fields.Length);
        foreach (EmbeddingField field in fields)
        {
            OutputWidth += field.Width;
            TableLength += field.TableRows * field.Width;
        }
    }

    /// <summary>The values of a row of x.</summary>
    public int InputWidth { get; }

    /// <summary>The values of a row of y.</summary>
    public int OutputWidth { get; }

    /// <summary>The values of all tables.</summary>
    public int TableLength { get; }

    /// <summary>The number of fields.</summary>
    public int Count { get; }

    /// <summary>The fields, whose identity is that of the layout; null where a row is one key.</summary>
    public EmbeddingField[]? Fields => _fields;

    public EmbeddingField this[int index] => _fields is null ? _only : _fields[index];
}
