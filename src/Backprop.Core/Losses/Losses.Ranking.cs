using System.Buffers;
using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop;

/// <content>Losses of rankings.</content>
public static partial class Losses
{
    /// <summary>
    /// The listwise loss of rankings: in each group of rows the cross entropy of softmax(x), the chances of each row to be ranked first
    /// by its score x, and softmax(y), those by its relevance y: −Σ softmax(y)·ln softmax(x). ListNet with top-one probabilities: Cao,
    /// Qin, Liu, Tsai and Li 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach", equations 4 and 6.
    /// </summary>
    /// <param name="scores">x, shape [N] or [N, 1].</param>
    /// <param name="relevances">y, N of them; higher is better.</param>
    /// <param name="groupSizes">The numbers of neighbouring rows that are ranked against each other; N in all.</param>
    /// <param name="exampleWeights">One factor per row, by which its softmax(y) counts; all 1 when omitted.</param>
    /// <param name="reduction">
    /// How the groups become one value; what the weighted mean divides by is the sum of the weighted softmax(y), which is the number of
    /// groups where all weights are 1. Default: the weighted mean.
    /// </param>
    /// <exception cref="ShapeException">The scores are no vector, or the numbers of relevances, weights or rows in groups do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A group size is negative, or a relevance is not finite.</exception>
    public static Tensor ListwiseSoftmax(
        Tensor scores, ReadOnlySpan<float> relevances, ReadOnlySpan<int> groupSizes, ReadOnlySpan<float> exampleWeights = default,
        LossReduction reduction = LossReduction.WeightedMean)
    {
        TensorStorage x = scores.Storage;
        int rows = x.Shape.Length;
        if (x.Shape.Rank is not (1 or 2) || x.Shape.Rank == 2 && x.Shape[1] != 1)
            throw new ShapeException($"ListwiseSoftmax: the scores have shape {x.Shape}; expected [N] or [N, 1], one score per row.");
        if (relevances.Length != rows)
            throw new ShapeException($"ListwiseSoftmax: there are {rows} rows, but {relevances.Length} relevances were given.");
        CheckWeights("ListwiseSoftmax", exampleWeights, rows);

        TapeState tape = TapeState.Of("ListwiseSoftmax", [x]);
        TensorStorage targets = tape.Allocate([rows]), offsets = tape.Allocate([groupSizes.Length + 1], ElementType.Int32);
        int[] rentedOffsets = ArrayPool<int>.Shared.Rent(groupSizes.Length + 1);
        float[] rentedTargets = ArrayPool<float>.Shared.Rent(rows);
        double mass = 0;
        try
        {
            int end = 0;
            rentedOffsets[0] = 0;
            for (int group = 0; group < groupSizes.Length; group++)
            {
                int size = groupSizes[group];
                if (size < 0)
                    throw new ArgumentOutOfRangeException(nameof(groupSizes), size, $"ListwiseSoftmax: group {group} has the size {size}; expected a number of rows.");
                if (size > rows - end)
                    throw new ShapeException($"ListwiseSoftmax: the groups up to {group} have more rows than there are scores, {rows}.");
                TopOneProbabilities(relevances.Slice(end, size), exampleWeights.IsEmpty ? default : exampleWeights.Slice(end, size), rentedTargets.AsSpan(end, size), end);
                for (int i = end; i < end + size; i++)
                    mass += rentedTargets[i];
                end += size;
                rentedOffsets[group + 1] = end;
            }

            if (end != rows)
                throw new ShapeException($"ListwiseSoftmax: there are {rows} scores, but the groups have {end} rows.");
            tape.Device.Upload(rentedTargets.AsSpan(0, rows), targets.Values);
            tape.Device.Upload(rentedOffsets.AsSpan(0, groupSizes.Length + 1), offsets.Values);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rentedOffsets);
            ArrayPool<float>.Shared.Return(rentedTargets);
        }

        return Operations.SegmentCrossEntropy.Instance.Apply(x, targets, offsets, new LossArguments(null!, Inner(reduction))
        {
            Divisor = OrOne(reduction == LossReduction.WeightedMean ? mass : groupSizes.Length),
        });
    }

    /// <summary>What the weighted mean of <see cref="ListwiseSoftmax"/> divides by.</summary>
    internal static double ListwiseDivisor(ReadOnlySpan<float> relevances, ReadOnlySpan<int> groupSizes, ReadOnlySpan<float> exampleWeights)
    {
        if (exampleWeights.IsEmpty)
            return groupSizes.Length;
        float[] rented = ArrayPool<float>.Shared.Rent(relevances.Length);
        double mass = 0;
        int start = 0;
        foreach (int size in groupSizes)
        {
            Span<float> probabilities = rented.AsSpan(0, size);
            TopOneProbabilities(relevances.Slice(start, size), exampleWeights.Slice(start, size), probabilities, start);
            foreach (float probability in probabilities)
                mass += probability;
            start += size;
        }

        ArrayPool<float>.Shared.Return(rented);
        return mass;
    }

    /// <summary>softmax(y) of one group, times the weights.</summary>
    private static void TopOneProbabilities(ReadOnlySpan<float> relevances, ReadOnlySpan<float> weights, Span<float> probabilities, int firstRow)
    {
        float highest = float.NegativeInfinity;
        for (int i = 0; i < relevances.Length; i++)
        {
            if (!float.IsFinite(relevances[i]))
                throw new ArgumentOutOfRangeException(nameof(relevances), relevances[i], $"ListwiseSoftmax: row {firstRow + i} has the relevance {relevances[i]}; expected a number.");
            highest = Math.Max(highest, relevances[i]);
        }

        double sum = 0;
        foreach (float relevance in relevances)
            sum += Math.Exp((double)relevance - highest);
        for (int i = 0; i < relevances.Length; i++)
            probabilities[i] = (float)(Math.Exp((double)relevances[i] - highest) / sum * (weights.IsEmpty ? 1 : weights[i]));
    }
}
