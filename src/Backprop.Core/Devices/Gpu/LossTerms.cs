using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>What the loss kernels have in common: weights, the factor of the mean, and where losses and gradients go.</summary>
internal readonly struct LossTerms(
    ArrayView<float> rowWeights, ArrayView<float> columnWeights, ArrayView<float> losses, ArrayView<double> sums, ArrayView<float> predictionGradient,
    ArrayView<float> targetGradient, LossTerms.Parts parts, double gradientScale)
{
    private readonly ArrayView<float> _rowWeights = rowWeights, _columnWeights = columnWeights, _losses = losses;
    private readonly ArrayView<double> _sums = sums;

    /// <summary>The gradients, where there are any.</summary>
    public readonly ArrayView<float> PredictionGradient = predictionGradient, TargetGradient = targetGradient;

    private readonly int _parts = (int)parts;

    /// <summary>The derivative of the reduced loss with respect to the loss of a row: 1, or 1/divisor for the mean.</summary>
    public readonly double GradientScale = gradientScale;

    /// <summary>Which of the blocks there are; the others are blocks that nobody may touch.</summary>
    [Flags]
    public enum Parts
    {
        None = 0,
        RowWeights = 1,
        ColumnWeights = 2,
        SingleLosses = 4,
        PredictionGradient = 8,
        TargetGradient = 16,
    }

    public bool HasColumnWeights
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Has(Parts.ColumnWeights);
    }

    public bool HasPredictionGradient
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Has(Parts.PredictionGradient);
    }

    public bool HasTargetGradient
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Has(Parts.TargetGradient);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float RowWeight(int row) => Has(Parts.RowWeights) ? _rowWeights[row] : 1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float ColumnWeight(int column) => Has(Parts.ColumnWeights) ? _columnWeights[column] : 1f;

    /// <summary>Takes the loss of one row or element: writes it or adds it to the sum of the team or thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Record(int row, double loss, double sum, bool isFirstOfTeam)
    {
        if (!Has(Parts.SingleLosses))
            return sum + loss;
        if (isFirstOfTeam)
            _losses[row] = (float)loss;
        return sum;
    }

    /// <summary>Takes what a team has added up, row after row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndRows<TTeam>(double sum)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        if (!Has(Parts.SingleLosses) && team.Rank == 0)
            _sums[team.Index] = sum;
    }

    /// <summary>Takes what a thread has added up, element after element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndElements<TTeam>(double sum)
        where TTeam : unmanaged, IThreadTeam
    {
        if (!Has(Parts.SingleLosses))
            ReductionKernels.EndSum<TTeam>(sum, _sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Has(Parts part) => (_parts & (int)part) != 0;
}

/// <content>How loss kernels are prepared and what comes after them.</content>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, double, ArrayView<float>>> _finishLoss;

    /// <summary>What a loss kernel needs. Scratch, where its teams leave their sums, is null when nothing is summed.</summary>
    private LossTerms BeginLoss(in LossArguments arguments, int teams, out GpuBlock? scratch)
    {
        scratch = arguments.Reduction == Reduction.None ? null : RentDoubles(teams);
        LossTerms.Parts parts =
            Part(arguments.RowWeights, LossTerms.Parts.RowWeights) | Part(arguments.ColumnWeights, LossTerms.Parts.ColumnWeights)
            | Part(arguments.PredictionGradient, LossTerms.Parts.PredictionGradient) | Part(arguments.TargetGradient, LossTerms.Parts.TargetGradient)
            | (scratch is null ? LossTerms.Parts.SingleLosses : LossTerms.Parts.None);
        return new LossTerms(
            FloatsOr(arguments.RowWeights, arguments.Loss), FloatsOr(arguments.ColumnWeights, arguments.Loss), Floats(arguments.Loss),
            Doubles(scratch ?? arguments.Loss), FloatsOr(arguments.PredictionGradient, arguments.Loss), FloatsOr(arguments.TargetGradient, arguments.Loss),
            parts, arguments.Reduction == Reduction.Mean ? 1 / arguments.Divisor : 1);
    }

    /// <summary>Adds the teams' sums, in their order, and writes the reduced loss.</summary>
    private void EndLoss(in LossArguments arguments, GpuBlock? scratch, int teams)
    {
        if (scratch is null)
            return;
        ThreadTeamKind team = TeamForElements;
        TeamKernel(ref _finishLoss, team, LossKernels.Finish<SingleThread>, LossKernels.Finish<GroupOfThreads>)(
            _stream, GridOfOneTeam(team), scratch.Doubles, teams, arguments.Reduction == Reduction.Mean ? arguments.Divisor : 1, Floats(arguments.Loss));
        Return(scratch);
    }

    private static LossTerms.Parts Part(MemoryBlock? block, LossTerms.Parts part) => block is null ? LossTerms.Parts.None : part;
}

/// <summary>What runs on the device.</summary>
internal static class LossKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void Finish<TTeam>(ArrayView<double> sums, int count, double divisor, ArrayView<float> loss)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double sum = 0;
        for (int i = team.Rank; i < count; i += team.Size)
            sum += sums[i];
        sum = team.Sum(sum);
        if (team.Rank == 0)
            loss[0] = (float)(sum / divisor);
    }
}
