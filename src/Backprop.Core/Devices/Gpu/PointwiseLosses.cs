using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>The element-wise losses: value, sum and both gradients in one pass.</summary>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, int, float, ArrayView<float>, ArrayView<float>, int, int, LossTerms>> _pointwiseLoss;

    internal override void PointwiseLoss(
        PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments)
    {
        ThreadTeamKind team = TeamForElements;
        KernelConfig grid = GridForElements(team, rows * columns);
        int teams = TeamsOf(team, grid);
        LossTerms terms = BeginLoss(arguments, teams, out GpuBlock? scratch);
        TeamKernel(ref _pointwiseLoss, team, PointwiseLossKernels.PointwiseLoss<SingleThread>, PointwiseLossKernels.PointwiseLoss<GroupOfThreads>)(
            _stream, grid, (int)kind, arguments.Parameter, Floats(predictions), Floats(targets), rows * columns, columns, terms);
        EndLoss(arguments, scratch, teams);
    }
}

/// <summary>What runs on the device.</summary>
internal static class PointwiseLossKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void PointwiseLoss<TTeam>(
        int kind, float parameter, ArrayView<float> predictions, ArrayView<float> targets, int length, int columns, LossTerms terms)
        where TTeam : unmanaged, IThreadTeam
    {
        double sum = 0;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int row = columns == 1 ? i : i / columns;
            if (kind == (int)PointwiseLossKind.BinaryCrossEntropyWithLogits)
                parameter = terms.ColumnWeight(i - row * columns);
            float loss = PointwiseLossFunctions.Value(kind, predictions[i], targets[i], parameter, out float byPrediction, out float byTarget);
            double weight = terms.RowWeight(row);
            float scale = (float)(weight * terms.GradientScale);
            sum = terms.Record(i, weight * loss, sum, isFirstOfTeam: true);
            if (terms.HasPredictionGradient)
                terms.PredictionGradient[i] = scale * byPrediction;
            if (terms.HasTargetGradient)
                terms.TargetGradient[i] = scale * byTarget;
        }

        terms.EndElements<TTeam>(sum);
    }
}
