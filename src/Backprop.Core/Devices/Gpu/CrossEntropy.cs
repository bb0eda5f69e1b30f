using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Softmax cross entropy, gradient included. The exponentials are computed again for the gradient: that is faster than to write
/// and read them.
/// </summary>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, AxisLayout, float, ArrayView<float>, ArrayView<int>, LossTerms>> _crossEntropy;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, AxisLayout, ArrayView<float>, ArrayView<float>, LossTerms>> _softCrossEntropy;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, AxisLayout, ArrayView<float>, ArrayView<int>, LossTerms>> _negativeLogLikelihood;
    private Action<AcceleratorStream, KernelConfig, AxisLayout, ArrayView<int>, LossTerms>? _negativeLogLikelihoodGradient;

    internal override void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamFor(layout, out KernelConfig grid);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(
            ref _crossEntropy, team, CrossEntropyKernels.CrossEntropy<SingleThread>, CrossEntropyKernels.CrossEntropy<WarpOfThreads>,
            CrossEntropyKernels.CrossEntropy<GroupOfThreads>)(
            _stream, grid, layout, arguments.LabelSmoothing, Floats(logits), Integers(labels), terms);
        EndLoss(arguments, scratch, teams);
    }

    internal override void CrossEntropyWithProbabilities(in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamFor(layout, out KernelConfig grid);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(
            ref _softCrossEntropy, team, CrossEntropyKernels.WithProbabilities<SingleThread>, CrossEntropyKernels.WithProbabilities<WarpOfThreads>,
            CrossEntropyKernels.WithProbabilities<GroupOfThreads>)(
            _stream, grid, layout, Floats(logits), Floats(targets), terms);
        EndLoss(arguments, scratch, teams);
    }

    internal override void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamForElements;
        KernelConfig grid = GridForElements(team, layout.Outer * layout.Inner);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(
            ref _negativeLogLikelihood, team, CrossEntropyKernels.NegativeLogLikelihood<SingleThread>, CrossEntropyKernels.NegativeLogLikelihood<GroupOfThreads>)(
            _stream, grid, layout, Floats(logProbabilities), Integers(labels), terms);
        if (arguments.PredictionGradient is not null)
            Kernel(ref _negativeLogLikelihoodGradient, CrossEntropyKernels.NegativeLogLikelihoodGradient)(
                _stream, GridFor(layout.Length), layout, Integers(labels), terms);
        EndLoss(arguments, scratch, teams);
    }
}

/// <summary>What runs on the device.</summary>
internal static class CrossEntropyKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void CrossEntropy<TTeam>(AxisLayout layout, float labelSmoothing, ArrayView<float> logits, ArrayView<int> labels, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double total = 0, evenShare = labelSmoothing / (double)layout.Axis;
        for (int row = team.Index; row < layout.Outer * layout.Inner; row += team.Count)
        {
            int first = SoftmaxKernels.FirstOf(layout, row), label = labels[row];
            if (label < 0)
            {
                total = terms.Record(row, 0, total, team.Rank == 0);
                if (terms.HasPredictionGradient)
                    for (int a = team.Rank; a < layout.Axis; a += team.Size)
                        terms.PredictionGradient[first + a * layout.Inner] = 0f;
                continue;
            }

            float maximum = SoftmaxKernels.Maximum<TTeam>(logits, first, layout.Axis, layout.Inner);
            double sum = SoftmaxKernels.ExponentialSum<TTeam>(logits, first, layout.Axis, layout.Inner, maximum);
            float logSum = ScalarFunctions.Log((float)sum);

            // Over all classes: the weights, and the weights times −log p.
            double weights = 0, minusLogs = 0;
            if (labelSmoothing != 0f)
            {
                for (int a = team.Rank; a < layout.Axis; a += team.Size)
                {
                    float weight = terms.ColumnWeight(a);
                    weights += weight;
                    minusLogs += (double)weight * (logSum - (logits[first + a * layout.Inner] - maximum));
                }

                weights = team.Sum(weights);
                minusLogs = team.Sum(minusLogs);
            }

            double rowWeight = terms.RowWeight(row), target = (1 - (double)labelSmoothing) * terms.ColumnWeight(label);
            double minusLogTarget = (double)logSum - (logits[first + label * layout.Inner] - maximum);
            double loss = labelSmoothing != 0f ? target * minusLogTarget + evenShare * minusLogs : target * minusLogTarget;
            total = terms.Record(row, rowWeight * loss, total, team.Rank == 0);
            if (terms.HasPredictionGradient)
            {
                double scale = rowWeight * terms.GradientScale;
                float factor = (float)(scale * (target + evenShare * weights) / sum), even = (float)(scale * evenShare), atTarget = (float)(scale * target);
                for (int a = team.Rank; a < layout.Axis; a += team.Size)
                {
                    int i = first + a * layout.Inner;
                    float gradient = factor * ScalarFunctions.Exp(logits[i] - maximum);
                    if (labelSmoothing != 0f)
                        gradient -= even * terms.ColumnWeight(a);
                    terms.PredictionGradient[i] = a == label ? gradient - atTarget : gradient;
                }
            }
        }

        terms.EndRows<TTeam>(total);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void WithProbabilities<TTeam>(AxisLayout layout, ArrayView<float> logits, ArrayView<float> targets, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double total = 0;
        for (int row = team.Index; row < layout.Outer * layout.Inner; row += team.Count)
            total = SoftRow<TTeam>(row, SoftmaxKernels.FirstOf(layout, row), layout.Axis, layout.Inner, logits, targets, terms, total);
        terms.EndRows<TTeam>(total);
    }

    /// <summary>One row with target probabilities t. With q = w·t the gradient is p·Σq − q. Returns the total with the row's loss.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SoftRow<TTeam>(
        int row, int first, int length, int stride, ArrayView<float> logits, ArrayView<float> targets, LossTerms terms, double total)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        float maximum = SoftmaxKernels.Maximum<TTeam>(logits, first, length, stride);
        double sum = SoftmaxKernels.ExponentialSum<TTeam>(logits, first, length, stride, maximum);
        float logSum = ScalarFunctions.Log((float)sum);
        double rowWeight = terms.RowWeight(row), shares = 0, loss = 0;
        float scale = (float)(rowWeight * terms.GradientScale);
        for (int a = team.Rank; a < length; a += team.Size)
        {
            int i = first + a * stride;
            float weight = terms.ColumnWeight(a), minusLog = logSum - (logits[i] - maximum);
            double share = (double)weight * targets[i];
            shares += share;
            loss += share * minusLog;
            if (terms.HasTargetGradient)
                terms.TargetGradient[i] = scale * weight * minusLog;
        }

        loss = rowWeight * team.Sum(loss);
        if (terms.HasPredictionGradient)
        {
            float factor = (float)(rowWeight * terms.GradientScale * team.Sum(shares) / sum);
            for (int a = team.Rank; a < length; a += team.Size)
            {
                int i = first + a * stride;
                terms.PredictionGradient[i] = factor * ScalarFunctions.Exp(logits[i] - maximum) - scale * (terms.ColumnWeight(a) * targets[i]);
            }
        }

        return terms.Record(row, loss, total, team.Rank == 0);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void NegativeLogLikelihood<TTeam>(AxisLayout layout, ArrayView<float> logProbabilities, ArrayView<int> labels, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        double sum = 0;
        for (int row = GridStride.First; row < layout.Outer * layout.Inner; row += GridStride.Step)
        {
            int label = labels[row];
            double loss = 0;
            if (label >= 0)
                loss = -(double)terms.RowWeight(row) * terms.ColumnWeight(label) * logProbabilities[SoftmaxKernels.FirstOf(layout, row) + label * layout.Inner];
            sum = terms.Record(row, loss, sum, isFirstOfTeam: true);
        }

        terms.EndElements<TTeam>(sum);
    }

    [GpuKernel]
    public static void NegativeLogLikelihoodGradient(AxisLayout layout, ArrayView<int> labels, LossTerms terms)
    {
        for (int i = GridStride.First; i < layout.Outer * layout.Axis * layout.Inner; i += GridStride.Step)
        {
            int place = i / layout.Inner, inner = i - place * layout.Inner, outer = place / layout.Axis, a = place - outer * layout.Axis;
            int row = outer * layout.Inner + inner;
            double weight = labels[row] == a ? -(double)terms.RowWeight(row) * terms.ColumnWeight(a) : 0;
            terms.PredictionGradient[i] = (float)(weight * terms.GradientScale);
        }
    }
}
