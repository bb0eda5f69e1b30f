using System.Runtime.InteropServices;

namespace Backprop.ML.Data;

/// <summary>What a pass over all rows has found out about them.</summary>
/// <param name="label">The label column.</param>
/// <param name="width">The number of features a row.</param>
internal sealed class DataScan(LabelColumn label, int width)
{
    /// <summary>The hash of no targets.</summary>
    public const ulong HashStart = 0xCBF29CE484222325;

    private const ulong HashPrime = 0x100000001B3;

    private readonly int[] _classCounts = new int[label.ClassCount];
    private int[] _indices = [];
    private float[] _values = [];
    private readonly List<int> _groupSizes = [];
    private uint _group;

    /// <summary>The number of usable rows.</summary>
    public long Rows { get; private set; }

    /// <summary>The sums of the features.</summary>
    public ColumnMoments Features { get; } = new(width);

    /// <summary>The sums of the targets.</summary>
    public ColumnMoments Targets { get; } = new(label.TargetsPerRow);

    /// <summary>The class of each row, where there are classes.</summary>
    public ClassList? Classes { get; } = label.ClassCount > 0 ? new ClassList(label.ClassCount) : null;

    /// <summary>The number of rows of each class.</summary>
    public int[] ClassCounts => [.. _classCounts];

    /// <summary>The number of rows of each group, in their order; none without groups.</summary>
    public ReadOnlySpan<int> GroupSizes => CollectionsMarshal.AsSpan(_groupSizes);

    /// <summary>
    /// A hash of the targets, weights and groups in their order (FNV-1a), to see whether another pass gives the same rows. Not of features:
    /// they may be others each time, as of images that the view turns and crops by chance.
    /// </summary>
    public ulong RowHash { get; private set; } = HashStart;

    /// <summary>Adds the row that a cursor stands on.</summary>
    public void Add(ExampleCursor example)
    {
        RowReader row = example.Features;
        int count = row.StoredCount;
        if (count < width / 4)
        {
            if (_indices.Length < count)
                (_indices, _values) = (new int[width], new float[width]);
            row.CopyStoredTo(_indices, _values);
            Features.Add(_indices.AsSpan(0, count), _values);
        }
        else
        {
            if (_values.Length < width)
                _values = new float[width];
            Features.Add(row.Values(_values.AsSpan(0, width)));
        }
        AddTargets(example.Targets, example.Weight, example.GroupNumber);
    }

    /// <summary>Adds the rows that were kept until they were too many.</summary>
    public void Add(InMemoryData rows)
    {
        rows.Features.AddTo(Features);
        int targets = label.TargetsPerRow;
        for (int row = 0; row < rows.Rows; row++)
            AddTargets(rows.Targets.Slice(row * targets, targets), rows.HasWeights ? rows.Weights[row] : 1, rows.Groups.IsEmpty ? 0 : rows.Groups[row]);
    }

    /// <summary>Takes a row's targets and weight, and the number of its group if it has one, into a hash.</summary>
    public static ulong Hash(ulong hash, ReadOnlySpan<float> targets, float weight, uint group)
    {
        foreach (uint bits in MemoryMarshal.Cast<float, uint>(targets))
            hash = (hash ^ bits) * HashPrime;
        hash = (hash ^ BitConverter.SingleToUInt32Bits(weight)) * HashPrime;
        return group == 0 ? hash : (hash ^ group) * HashPrime;
    }

    private void AddTargets(ReadOnlySpan<float> targets, float weight, uint group)
    {
        Rows++;
        Targets.Add(targets);
        RowHash = Hash(RowHash, targets, weight, group);
        if (group != 0)
        {
            if (group != _group)
                _groupSizes.Add(0);
            _groupSizes[^1]++;
            _group = group;
        }
        if (Classes is null)
            return;
        Classes.Add((int)targets[0]);
        _classCounts[(int)targets[0]]++;
    }
}
