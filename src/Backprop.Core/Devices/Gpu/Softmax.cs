using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Softmax along an axis: a row is treated by one thread, or by a warp or a group together; see <see cref="IThreadTeam"/>.</summary>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, AxisLayout, int, ArrayView<float>, ArrayView<float>>> _softmax;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, AxisLayout, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>> _softmaxBackward;

    internal override void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y)
    {
        ThreadTeamKind team = TeamFor(layout, out KernelConfig grid);
        TeamKernel(ref _softmax, team, SoftmaxKernels.Softmax<SingleThread>, SoftmaxKernels.Softmax<WarpOfThreads>, SoftmaxKernels.Softmax<GroupOfThreads>)(
            _stream, grid, layout, Flag(logarithm), Floats(x), Floats(y));
    }

    internal override void SoftmaxBackward(
        in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        ThreadTeamKind team = TeamFor(layout, out KernelConfig grid);
        TeamKernel(
            ref _softmaxBackward, team, SoftmaxKernels.SoftmaxBackward<SingleThread>, SoftmaxKernels.SoftmaxBackward<WarpOfThreads>,
            SoftmaxKernels.SoftmaxBackward<GroupOfThreads>)(
            _stream, grid, layout, Flag(logarithm), Floats(y), Floats(gradOutput), Floats(gradInput), Flag(accumulate));
    }

    /// <summary>Who treats a row of a layout.</summary>
    private ThreadTeamKind TeamFor(in AxisLayout layout, out KernelConfig grid)
    {
        int rows = layout.Outer * layout.Inner;
        ThreadTeamKind team = TeamFor(rows, layout.Axis, layout.Inner == 1);
        grid = GridForRows(team, rows);
        return team;
    }
}

/// <summary>What runs on the device.</summary>
internal static class SoftmaxKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void Softmax<TTeam>(AxisLayout layout, int logarithm, ArrayView<float> x, ArrayView<float> y)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int row = team.Index; row < layout.Outer * layout.Inner; row += team.Count)
        {
            int first = FirstOf(layout, row);
            float maximum = Maximum<TTeam>(x, first, layout.Axis, layout.Inner);
            float sum = (float)ExponentialSum<TTeam>(x, first, layout.Axis, layout.Inner, maximum), logSum = ScalarFunctions.Log(sum), factor = 1f / sum;
            for (int a = team.Rank; a < layout.Axis; a += team.Size)
            {
                // The maximum goes first: two large numbers cancel exactly, and the small one is not lost in them.
                int i = first + a * layout.Inner;
                float shifted = x[i] - maximum;
                y[i] = logarithm != 0 ? shifted - logSum : factor * ScalarFunctions.Exp(shifted);
            }
        }
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void SoftmaxBackward<TTeam>(
        AxisLayout layout, int logarithm, ArrayView<float> y, ArrayView<float> gradOutput, ArrayView<float> gradInput, int accumulate)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int row = team.Index; row < layout.Outer * layout.Inner; row += team.Count)
        {
            int first = FirstOf(layout, row);
            double terms = 0;
            for (int a = team.Rank; a < layout.Axis; a += team.Size)
            {
                int i = first + a * layout.Inner;
                terms += logarithm != 0 ? gradOutput[i] : (double)gradOutput[i] * y[i];
            }

            float sum = (float)team.Sum(terms);
            for (int a = team.Rank; a < layout.Axis; a += team.Size)
            {
                int i = first + a * layout.Inner;
                float gradient = logarithm != 0 ? gradOutput[i] - ScalarFunctions.Exp(y[i]) * sum : y[i] * (gradOutput[i] - sum);
                ReductionKernels.Store(gradInput, i, gradient, accumulate);
            }
        }
    }

    /// <summary>Where a row begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstOf(in AxisLayout layout, int row)
    {
        if (layout.Inner == 1)
            return row * layout.Axis;
        int outer = row / layout.Inner;
        return outer * layout.Axis * layout.Inner + (row - outer * layout.Inner);
    }

    /// <summary>The largest of a row; where there is a NaN, any.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Maximum<TTeam>(ArrayView<float> x, int first, int length, int stride)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        float maximum = float.NegativeInfinity;
        for (int a = team.Rank; a < length; a += team.Size)
            maximum = ScalarFunctions.Max(maximum, x[first + a * stride]);
        return team.Max(maximum);
    }

    /// <summary>Σ exp(x − maximum) of a row; NaN where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ExponentialSum<TTeam>(ArrayView<float> x, int first, int length, int stride, float maximum)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double sum = 0;
        for (int a = team.Rank; a < length; a += team.Size)
            sum += ScalarFunctions.Exp(x[first + a * stride] - maximum);
        return team.Sum(sum);
    }
}
