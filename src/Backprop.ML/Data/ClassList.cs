namespace Backprop.ML.Data;

/// <summary>The classes of rows that are not in memory: one byte a row, or as few as hold the number of classes.</summary>
internal sealed class ClassList(int classCount)
{
    private readonly List<byte>? _bytes = classCount <= 1 << 8 ? [] : null;
    private readonly List<ushort>? _shorts = classCount is > 1 << 8 and <= 1 << 16 ? [] : null;
    private readonly List<int>? _ints = classCount > 1 << 16 ? [] : null;

    /// <summary>Gives the class of a row.</summary>
    public int this[long row] => _bytes?[(int)row] ?? _shorts?[(int)row] ?? _ints![(int)row];

    /// <summary>Adds the class of the next row.</summary>
    public void Add(int label)
    {
        _bytes?.Add((byte)label);
        _shorts?.Add((ushort)label);
        _ints?.Add(label);
    }
}
