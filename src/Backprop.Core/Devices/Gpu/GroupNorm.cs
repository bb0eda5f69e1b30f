using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Group and layer normalisation: the elements of one group of one example are treated together, statistics and all. The
/// gradients of γ and β are sums over all examples, as in batch normalisation.
/// </summary>
internal sealed partial class GpuDevice
{
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, GroupShape, NormalizationTerms, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _groupForward;
    private Action<AcceleratorStream, KernelConfig, GroupShape, NormalizationTerms, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>>? _groupSums;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, GroupShape, NormalizationTerms, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>> _groupBackward;

    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        if (arguments.Length == 0)
            return;
        GroupShape shape = ShapeOf(arguments);
        ThreadTeamKind team = TeamFor(shape.Sets, shape.Count);
        TeamKernel(ref _groupForward, team, GroupNormKernels.Forward<SingleThread>, GroupNormKernels.Forward<WarpOfThreads>, GroupNormKernels.Forward<GroupOfThreads>)(
            _stream, GridForRows(team, shape.Sets), shape, Terms(arguments.Gamma, arguments.Beta, arguments.Activation, x), arguments.Epsilon, Floats(x),
            Floats(statistics), Floats(y));
    }

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        if (arguments.Channels == 0)
            return;
        GroupShape shape = ShapeOf(arguments);
        NormalizationTerms terms = Terms(arguments.Gamma, arguments.Beta, arguments.Activation, x);

        // The gradient of the input may overwrite that of the output, so it comes last.
        if (gradients.Gamma is not null || gradients.Beta is not null)
        {
            GpuBlock sums = RentDoubles(2L * shape.Threads);
            Kernel(ref _groupSums, GroupNormKernels.Sums)(
                _stream, GridFor(shape.Threads), shape, terms, Floats(x), Floats(statistics), Floats(gradients.Output), sums.Doubles);
            FinishChannelSums(sums, shape.Channels, shape.Pieces, gradients, null, shape.Rows);
            Return(sums);
        }

        if (gradients.Input is null || arguments.Length == 0)
            return;
        ThreadTeamKind team = TeamFor(shape.Sets, shape.Count);
        TeamKernel(ref _groupBackward, team, GroupNormKernels.Backward<SingleThread>, GroupNormKernels.Backward<WarpOfThreads>, GroupNormKernels.Backward<GroupOfThreads>)(
            _stream, GridForRows(team, shape.Sets), shape, terms, Floats(x), Floats(statistics), Floats(gradients.Output), Floats(gradients.Input),
            Flag(gradients.AccumulateInput));
    }

    private GroupShape ShapeOf(in GroupNormArguments arguments) => new(
        arguments.Examples, arguments.Positions, arguments.Channels, arguments.Groups,
        PiecesFor(arguments.Channels, arguments.Examples * arguments.Positions, LeastRowsPerPiece));
}

/// <summary>The sizes of <see cref="GroupNormArguments"/>, and into how many pieces the rows of a channel are divided.</summary>
internal readonly struct GroupShape(int examples, int positions, int channels, int groups, int pieces)
{
    public readonly int Positions = positions, Channels = channels, Groups = groups, Pieces = pieces;

    /// <summary>The channels of a group.</summary>
    public readonly int Width = channels / groups;

    /// <summary>The sets of elements that are normalised together.</summary>
    public readonly int Sets = examples * groups;

    /// <summary>The pixels of all examples, each a row of all channels.</summary>
    public readonly int Rows = examples * positions;

    /// <summary>The elements of a set.</summary>
    public int Count => Positions * Width;

    /// <summary>One for each piece of each channel.</summary>
    public int Threads => Pieces * Channels;

    /// <summary>The first channel of a set's group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FirstChannelOf(int set) => Groups == 1 ? 0 : set % Groups * Width;

    /// <summary>Where the elements of a set begin.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FirstOf(int set) => Groups == 1 ? set * Positions * Channels : set / Groups * Positions * Channels + FirstChannelOf(set);

    /// <summary>Where member number j of a set stands behind the first, and in which channel of the group it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int OffsetOf(int j, out int channel)
    {
        channel = j;
        if (Positions == 1)
            return j;

        int position = j / Width;
        channel = j - position * Width;
        return position * Channels + channel;
    }
}

/// <summary>What runs on the device.</summary>
internal static class GroupNormKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void Forward<TTeam>(
        GroupShape shape, NormalizationTerms terms, float epsilon, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> y)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int set = team.Index; set < shape.Sets; set += team.Count)
        {
            int first = shape.FirstOf(set), firstChannel = shape.FirstChannelOf(set);
            double origin = x[first], sum = 0, squares = 0;
            for (int j = team.Rank; j < shape.Count; j += team.Size)
            {
                double distance = x[first + shape.OffsetOf(j, out _)] - origin;
                sum += distance;
                squares += distance * distance;
            }

            sum = team.Sum(sum);
            squares = team.Sum(squares);
            var own = new SetStatistics(origin + sum / shape.Count, SetStatistics.Variance(sum, squares, shape.Count), epsilon);
            if (team.Rank == 0)
                own.Store(statistics, set, shape.Sets);
            for (int j = team.Rank; j < shape.Count; j += team.Size)
            {
                int place = first + shape.OffsetOf(j, out int channel);
                channel += firstChannel;
                y[place] = terms.Activate(own.Normalize(x[place]) * terms.Gamma(channel) + terms.Beta(channel));
            }
        }
    }

    /// <summary>As <see cref="BatchNormKernels.Sums"/>, but that the statistics change from row to row.</summary>
    [GpuKernel]
    public static void Sums(
        GroupShape shape, NormalizationTerms terms, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> gradOutput, ArrayView<double> sums)
    {
        for (int i = GridStride.First; i < shape.Threads; i += GridStride.Step)
        {
            int piece = i / shape.Channels, channel = i - piece * shape.Channels, group = channel / shape.Width;
            float gamma = terms.Gamma(channel), beta = terms.Beta(channel);
            double sum = 0, product = 0;
            for (int row = piece; row < shape.Rows; row += shape.Pieces)
            {
                int place = row * shape.Channels + channel, example = shape.Positions == 1 ? row : row / shape.Positions;
                var own = new SetStatistics(statistics, example * shape.Groups + group, shape.Sets);
                float normal = own.Normalize(x[place]), gradient = terms.Through(normal * gamma + beta, gradOutput[place]);
                sum += gradient;
                product += (double)gradient * normal;
            }

            sums[i] = sum;
            sums[shape.Threads + i] = product;
        }
    }

    /// <summary>gradInput (+)= (γg − mean of γg − n·mean of γg·n)/√(σ² + ε). gradInput may be gradOutput.</summary>
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void Backward<TTeam>(
        GroupShape shape, NormalizationTerms terms, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> gradOutput, ArrayView<float> gradInput, int accumulate)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int set = team.Index; set < shape.Sets; set += team.Count)
        {
            int first = shape.FirstOf(set), firstChannel = shape.FirstChannelOf(set);
            var own = new SetStatistics(statistics, set, shape.Sets);
            double sum = 0, product = 0;
            for (int j = team.Rank; j < shape.Count; j += team.Size)
            {
                int place = first + shape.OffsetOf(j, out int channel);
                channel += firstChannel;
                float normal = own.Normalize(x[place]), gamma = terms.Gamma(channel);
                float gradient = gamma * terms.Through(normal * gamma + terms.Beta(channel), gradOutput[place]);
                sum += gradient;
                product += (double)gradient * normal;
            }

            float mean = (float)(team.Sum(sum) / shape.Count), slope = (float)(team.Sum(product) / shape.Count);
            for (int j = team.Rank; j < shape.Count; j += team.Size)
            {
                int place = first + shape.OffsetOf(j, out int channel);
                channel += firstChannel;
                float normal = own.Normalize(x[place]), gamma = terms.Gamma(channel);
                float gradient = gamma * terms.Through(normal * gamma + terms.Beta(channel), gradOutput[place]);
                ReductionKernels.Store(gradInput, place, own.Inverse * (gradient - mean - normal * slope), accumulate);
            }
        }
    }
}
