namespace Backprop.Devices;

/// <summary>
/// A change of the order of axes, as the walk over the result: its axis lengths, outermost first, and how far the source
/// moves with each. Axes of length 1 are dropped and neighbours that stay neighbours are merged, so that the result of
/// no change is one axis of stride 1.
/// </summary>
internal readonly struct PermutationLayout
{
    private readonly ShapeBuffer _lengths;
    private readonly ShapeBuffer _strides;

    /// <param name="lengths">The axis lengths of the result.</param>
    /// <param name="strides">For each of them, the distance of its neighbours in the source.</param>
    public PermutationLayout(ReadOnlySpan<int> lengths, ReadOnlySpan<int> strides)
    {
        Length = 1;
        for (int axis = 0; axis < lengths.Length; axis++)
        {
            Length *= lengths[axis];
            if (lengths[axis] == 1)
                continue;
            if (Rank > 0 && _strides[Rank - 1] == strides[axis] * lengths[axis])
            {
                _lengths[Rank - 1] *= lengths[axis];
                _strides[Rank - 1] = strides[axis];
                continue;
            }

            _lengths[Rank] = lengths[axis];
            _strides[Rank] = strides[axis];
            Rank++;
        }
    }

    public int Rank { get; }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    public int LengthOf(int axis) => _lengths[axis];

    public int StrideOf(int axis) => _strides[axis];
}
