using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>The losses of whole rows other than cross entropy, and cross entropy of rows of different lengths.</summary>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, int, float, ArrayView<float>, ArrayView<int>, int, int, LossTerms>> _multiMargin;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, float, ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int, LossTerms>> _cosineEmbedding;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, int, LossTerms>> _segmentCrossEntropy;

    internal override void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamFor(rows, classes);
        KernelConfig grid = GridForRows(team, rows);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(ref _multiMargin, team, RowLossKernels.MultiMargin<SingleThread>, RowLossKernels.MultiMargin<WarpOfThreads>, RowLossKernels.MultiMargin<GroupOfThreads>)(
            _stream, grid, power, arguments.Parameter, Floats(scores), Integers(labels), rows, classes, terms);
        EndLoss(arguments, scratch, teams);
    }

    internal override void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamFor(rows, columns);
        KernelConfig grid = GridForRows(team, rows);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(
            ref _cosineEmbedding, team, RowLossKernels.CosineEmbedding<SingleThread>, RowLossKernels.CosineEmbedding<WarpOfThreads>,
            RowLossKernels.CosineEmbedding<GroupOfThreads>)(
            _stream, grid, arguments.Parameter, Floats(a), Floats(b), Integers(signs), rows, columns, terms);
        EndLoss(arguments, scratch, teams);
    }

    internal override void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamFor(segments, length / Math.Max(segments, 1));
        KernelConfig grid = GridForRows(team, segments);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(
            ref _segmentCrossEntropy, team, RowLossKernels.SegmentCrossEntropy<SingleThread>, RowLossKernels.SegmentCrossEntropy<WarpOfThreads>,
            RowLossKernels.SegmentCrossEntropy<GroupOfThreads>)(
            _stream, grid, Floats(scores), Floats(targets), Integers(offsets), segments, terms);
        EndLoss(arguments, scratch, teams);
    }
}

/// <summary>What runs on the device.</summary>
internal static class RowLossKernels
{
    private const double CosineEpsilon = 1e-12;

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void MultiMargin<TTeam>(int power, float margin, ArrayView<float> scores, ArrayView<int> labels, int rows, int classes, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double total = 0;
        for (int row = team.Index; row < rows; row += team.Count)
        {
            int first = row * classes, label = labels[row];
            double weight = (double)terms.RowWeight(row) * terms.ColumnWeight(label) / classes, loss = 0, slope = 0;
            float factor = (float)(weight * terms.GradientScale), reach = margin - scores[first + label];
            for (int c = team.Rank; c < classes; c += team.Size)
            {
                float violation = c == label ? 0f : ScalarFunctions.Max(0f, reach + scores[first + c]);
                float derivative = power == 2 ? violation + violation : violation > 0f ? 1f : 0f;
                loss += power == 2 ? (double)violation * violation : violation;
                slope += derivative;
                if (terms.HasPredictionGradient && c != label)
                    terms.PredictionGradient[first + c] = factor * derivative;
            }

            // The label's own class pays for all the others.
            slope = team.Sum(slope);
            if (terms.HasPredictionGradient && team.Rank == 0)
                terms.PredictionGradient[first + label] = (float)(-factor * slope);
            total = terms.Record(row, weight * team.Sum(loss), total, team.Rank == 0);
        }

        terms.EndRows<TTeam>(total);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void CosineEmbedding<TTeam>(
        float margin, ArrayView<float> a, ArrayView<float> b, ArrayView<int> signs, int rows, int columns, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double total = 0;
        for (int row = team.Index; row < rows; row += team.Count)
        {
            int first = row * columns;
            double dot = 0, squareA = 0, squareB = 0;
            for (int c = team.Rank; c < columns; c += team.Size)
            {
                double x = a[first + c], y = b[first + c];
                dot += x * y;
                squareA += x * x;
                squareB += y * y;
            }

            squareA = team.Sum(squareA) + CosineEpsilon;
            squareB = team.Sum(squareB) + CosineEpsilon;
            double norms = Math.Sqrt(squareA * squareB), cosine = team.Sum(dot) / norms, weight = terms.RowWeight(row), excess = cosine - margin;
            bool isAlike = signs[row] > 0;
            total = terms.Record(row, weight * (isAlike ? 1 - cosine : excess <= 0 ? 0 : excess), total, team.Rank == 0);

            // ∂cos/∂a = b/(|a||b|) − cos·a/|a|², and the same the other way round. In double: the terms nearly cancel where a and b are nearly parallel.
            double slope = weight * terms.GradientScale * (isAlike ? -1 : excess > 0 ? 1 : 0);
            double across = slope / norms, alongA = slope * cosine / squareA, alongB = slope * cosine / squareB;
            for (int c = team.Rank; c < columns; c += team.Size)
            {
                double x = a[first + c], y = b[first + c];
                if (terms.HasPredictionGradient)
                    terms.PredictionGradient[first + c] = (float)(across * y - alongA * x);
                if (terms.HasTargetGradient)
                    terms.TargetGradient[first + c] = (float)(across * x - alongB * y);
            }
        }

        terms.EndRows<TTeam>(total);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void SegmentCrossEntropy<TTeam>(ArrayView<float> scores, ArrayView<float> targets, ArrayView<int> offsets, int segments, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double total = 0;
        for (int segment = team.Index; segment < segments; segment += team.Count)
        {
            int first = offsets[segment], length = offsets[segment + 1] - first;
            if (length == 0)
                total = terms.Record(segment, 0, total, team.Rank == 0);
            else
                total = CrossEntropyKernels.SoftRow<TTeam>(segment, first, length, 1, scores, targets, terms, total);
        }

        terms.EndRows<TTeam>(total);
    }
}
