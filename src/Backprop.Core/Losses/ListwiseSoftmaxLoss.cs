using System.Buffers;

namespace Backprop;

/// <summary>
/// The listwise loss of rankings: <see cref="Losses.ListwiseSoftmax"/>. A row has two targets, its relevance and whether a group begins
/// with it (1, else 0); a mini-batch holds whole groups, as <see cref="GroupBatchSource"/> gives them. The mean is over groups.
/// </summary>
public sealed class ListwiseSoftmaxLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length == 1
        ? 2
        : throw new ShapeException($"The listwise softmax loss takes one score a row; the network's output has shape {outputShape}.");

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        using var groups = new Groups(targets);
        return Losses.ListwiseSoftmax(output, groups.Relevances, groups.Sizes, exampleWeights, LossReduction.Sum);
    }

    internal override double Divisor(int rows, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        using var groups = new Groups(targets);
        return Losses.ListwiseDivisor(groups.Relevances, groups.Sizes, exampleWeights);
    }

    /// <summary>The two targets of the rows of a mini-batch taken apart, in arrays that are used again and again.</summary>
    private readonly ref struct Groups
    {
        private readonly float[] _relevances;
        private readonly int[] _sizes;
        private readonly int _rows, _groups;

        public Groups(ReadOnlySpan<float> targets)
        {
            _rows = targets.Length / 2;
            _relevances = ArrayPool<float>.Shared.Rent(_rows);
            _sizes = ArrayPool<int>.Shared.Rent(_rows);
            for (int row = 0; row < _rows; row++)
            {
                _relevances[row] = targets[2 * row];
                if (row == 0 || targets[2 * row + 1] != 0f)
                    _sizes[_groups++] = 0;
                _sizes[_groups - 1]++;
            }
        }

        public ReadOnlySpan<float> Relevances => _relevances.AsSpan(0, _rows);

        public ReadOnlySpan<int> Sizes => _sizes.AsSpan(0, _groups);

        public void Dispose()
        {
            ArrayPool<float>.Shared.Return(_relevances);
            ArrayPool<int>.Shared.Return(_sizes);
        }
    }
}
