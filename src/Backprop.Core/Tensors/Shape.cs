using System.Collections;
using System.Runtime.CompilerServices;
using System.Text;
using Backprop.Devices;

namespace Backprop;

/// <summary>
/// The axis lengths of a tensor, outermost first: <c>[32, 784]</c> is 32 rows of 784. At most eight axes; an empty
/// shape is that of a scalar. Written as a collection expression: <c>Shape shape = [32, 784];</c>.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    /// <summary>The largest number of axes.</summary>
    public const int MaximumRank = ShapeBuffer.MaximumRank;

    private readonly ShapeBuffer _lengths;
    private readonly int _length;

    private Shape(ReadOnlySpan<int> lengths, int length)
    {
        lengths.CopyTo(_lengths);
        Rank = lengths.Length;
        _length = length;
    }

    /// <summary>The number of axes; 0 for a scalar.</summary>
    public int Rank { get; }

    /// <summary>The number of elements: the product of the axis lengths, 1 for a scalar.</summary>
    public int Length => Rank == 0 ? 1 : _length;

    /// <summary>The length of an axis, counted from the front.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The shape has no such axis.</exception>
    public int this[int axis]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(axis);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(axis, Rank);
            return _lengths[axis];
        }
    }

    /// <summary>Creates a shape from axis lengths, outermost first.</summary>
    /// <exception cref="ShapeException">A length is negative, there are more than eight, or the product exceeds 2³¹ − 1.</exception>
    public static Shape Create(ReadOnlySpan<int> lengths)
    {
        if (lengths.Length > MaximumRank)
            throw new ShapeException($"A tensor has at most {MaximumRank} axes; {lengths.Length} were given.");
        long product = 1;
        foreach (int length in lengths)
        {
            if (length < 0)
                throw new ShapeException($"An axis length cannot be negative; found {length} in {Text(lengths)}.");
            product = Math.Min(product, int.MaxValue + 1L) * length; // a later 0 still makes an empty tensor
        }

        if (product > int.MaxValue)
            throw new ShapeException($"A tensor holds at most {int.MaxValue} elements; {Text(lengths)} has more. Use a smaller batch or layer.");
        return new Shape(lengths, (int)product);
    }

    /// <summary>Converts axis lengths to a shape.</summary>
    public static implicit operator Shape(int[] lengths) => Create(lengths);

    /// <summary>Copies the axis lengths to an array.</summary>
    public int[] ToArray() => AsSpan(in this).ToArray();

    /// <inheritdoc/>
    public bool Equals(Shape other) => AsSpan(in this).SequenceEqual(AsSpan(in other));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, Length, Rank > 0 ? _lengths[0] : 0);

    /// <summary>Whether two shapes have the same axes.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => Text(AsSpan(in this));

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>This shape with an axis of the given length in front: the shape of a batch of rows.</summary>
    internal Shape Batch(int rows)
    {
        if (Rank == MaximumRank)
            throw new ShapeException($"A row has at most {MaximumRank - 1} axes; {this} has {Rank}.");
        Span<int> lengths = stackalloc int[Rank + 1];
        lengths[0] = rows;
        AsSpan(in this).CopyTo(lengths[1..]);
        return Create(lengths);
    }

    /// <summary>This shape without its first axis: the shape of one row of a batch.</summary>
    internal Shape Row() => Create(AsSpan(in this)[1..]);

    /// <summary>This shape with its last axis replaced.</summary>
    internal Shape WithLastAxis(int length)
    {
        Span<int> lengths = stackalloc int[Rank];
        AsSpan(in this).CopyTo(lengths);
        lengths[^1] = length;
        return Create(lengths);
    }

    /// <summary>The number of rows when all axes but the last are taken as one; also right when a row is empty.</summary>
    internal int RowCount
    {
        get
        {
            int rows = 1;
            for (int axis = 0; axis < Rank - 1; axis++)
                rows *= _lengths[axis];
            return rows;
        }
    }

    /// <summary>The axis counted from the front, for an axis that may be counted from the back (−1 is the last).</summary>
    internal int ResolveAxis(int axis, string operation)
    {
        if (axis < -Rank || axis >= Rank)
            throw new ShapeException($"{operation}: axis {axis} does not exist in a tensor of shape {this}; expected {-Rank} to {Rank - 1}.");
        return axis < 0 ? axis + Rank : axis;
    }

    /// <summary>Where an axis stands in row-major memory.</summary>
    internal AxisLayout LayoutOf(int axis)
    {
        int outer = 1, inner = 1;
        for (int i = 0; i < axis; i++)
            outer *= _lengths[i];
        for (int i = axis + 1; i < Rank; i++)
            inner *= _lengths[i];
        return new AxisLayout(outer, _lengths[axis], inner);
    }

    /// <summary>
    /// The common shape of two operands: axes are aligned at the back, and an axis of length 1 or a missing one is
    /// repeated (the broadcasting rule of NumPy).
    /// </summary>
    internal static Shape Broadcast(in Shape a, in Shape b, string operation)
    {
        if (a.Equals(b))
            return a;
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> lengths = stackalloc int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int lengthA = i <= a.Rank ? a._lengths[a.Rank - i] : 1, lengthB = i <= b.Rank ? b._lengths[b.Rank - i] : 1;
            if (lengthA != lengthB && lengthA != 1 && lengthB != 1)
                throw new ShapeException($"{operation}: shapes {a} and {b} do not fit together; axis {-i} is {lengthA} and {lengthB}, expected equal lengths or 1.");
            lengths[rank - i] = lengthA == 1 ? lengthB : lengthA;
        }

        return Create(lengths);
    }

    /// <summary>How this shape is repeated to fill <paramref name="full"/>, to which it broadcasts.</summary>
    internal BroadcastLayout LayoutIn(in Shape full)
    {
        Span<bool> kept = stackalloc bool[full.Rank];
        for (int i = 0; i < full.Rank; i++)
        {
            int own = i - (full.Rank - Rank);
            kept[i] = own >= 0 && _lengths[own] == full._lengths[i];
        }

        return Layout(full, kept);
    }

    /// <summary>Merges neighbouring axes of one kind and drops those of length 1.</summary>
    internal static BroadcastLayout Layout(in Shape full, ReadOnlySpan<bool> kept)
    {
        Span<int> lengths = stackalloc int[MaximumRank];
        int rank = 0;
        bool firstIsKept = true, lastIsKept = true;
        for (int i = 0; i < full.Rank; i++)
        {
            if (full._lengths[i] == 1)
                continue;
            if (rank > 0 && kept[i] == lastIsKept)
            {
                lengths[rank - 1] *= full._lengths[i];
                continue;
            }

            if (rank == 0)
                firstIsKept = kept[i];
            lastIsKept = kept[i];
            lengths[rank++] = full._lengths[i];
        }

        return new BroadcastLayout(lengths[..rank], firstIsKept);
    }

    private static ReadOnlySpan<int> AsSpan(in Shape shape) => ((ReadOnlySpan<int>)shape._lengths)[..shape.Rank];

    private static string Text(ReadOnlySpan<int> lengths)
    {
        var text = new StringBuilder("[");
        for (int i = 0; i < lengths.Length; i++)
            text.Append(i > 0 ? ", " : "").Append(lengths[i]);
        return text.Append(']').ToString();
    }
}
