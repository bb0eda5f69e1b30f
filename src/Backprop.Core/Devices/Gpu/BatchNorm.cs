using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Batch normalisation in two passes over memory each way: sums per channel, then every element. In all of them a thread has one
/// channel and every so many-th row, so that neighbours read neighbours at any number of channels and what belongs to the channel
/// stays in registers.
/// </summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, BatchShape, ArrayView<float>, ArrayView<double>>? _batchMoments;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, BatchShape, ArrayView<float>, ArrayView<double>, RunningStatistics, float, ArrayView<float>>> _batchStatistics;
    private Action<AcceleratorStream, KernelConfig, int, RunningStatistics, float, ArrayView<float>>? _fixedStatistics;
    private Action<AcceleratorStream, KernelConfig, BatchShape, NormalizationTerms, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _batchForward;
    private Action<AcceleratorStream, KernelConfig, BatchShape, NormalizationTerms, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>>? _batchSums;
    private Action<AcceleratorStream, KernelConfig, BatchShape, NormalizationTerms, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, ArrayView<float>, int>? _batchBackward;

    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        int channels = arguments.Channels;
        if (channels == 0)
            return;
        BatchShape shape = ShapeOf(arguments);
        var running = new RunningStatistics(
            FloatsOr(arguments.RunningMean, x), Flag(arguments.RunningMean is not null), FloatsOr(arguments.RunningVariance, x),
            Flag(arguments.RunningVariance is not null), arguments.Momentum);
        if (arguments.UsesBatch)
        {
            GpuBlock sums = RentDoubles(2L * shape.Threads);
            Kernel(ref _batchMoments, BatchNormKernels.Moments)(_stream, GridFor(shape.Threads), shape, Floats(x), sums.Doubles);
            ThreadTeamKind team = TeamFor(channels, shape.Pieces, areNeighbours: false);
            TeamKernel(
                ref _batchStatistics, team, BatchNormKernels.Statistics<SingleThread>, BatchNormKernels.Statistics<WarpOfThreads>,
                BatchNormKernels.Statistics<GroupOfThreads>)(
                _stream, GridForRows(team, channels), shape, Floats(x), sums.Doubles, running, arguments.Epsilon, Floats(statistics));
            Return(sums);
        }
        else
        {
            Kernel(ref _fixedStatistics, BatchNormKernels.FixedStatistics)(_stream, GridFor(channels), channels, running, arguments.Epsilon, Floats(statistics));
        }

        Kernel(ref _batchForward, BatchNormKernels.Forward)(
            _stream, GridFor(shape.Threads), shape, Terms(arguments.Gamma, arguments.Beta, arguments.Activation, x), Floats(x), Floats(statistics), Floats(y));
    }

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        int channels = arguments.Channels;
        if (channels == 0)
            return;
        BatchShape shape = ShapeOf(arguments);
        NormalizationTerms terms = Terms(arguments.Gamma, arguments.Beta, arguments.Activation, x);

        // Statistics that do not depend on x pass the gradient on as it is.
        GpuBlock? means = arguments.UsesBatch && gradients.Input is not null ? _buffers.Rent(2L * channels) : null;
        if (means is not null || gradients.Gamma is not null || gradients.Beta is not null)
        {
            GpuBlock sums = RentDoubles(2L * shape.Threads);
            Kernel(ref _batchSums, BatchNormKernels.Sums)(
                _stream, GridFor(shape.Threads), shape, terms, Floats(x), Floats(statistics), Floats(gradients.Output), sums.Doubles);
            FinishChannelSums(sums, channels, shape.Pieces, gradients, means, arguments.Rows);
            Return(sums);
        }

        if (gradients.Input is not null)
            Kernel(ref _batchBackward, BatchNormKernels.Backward)(
                _stream, GridFor(shape.Threads), shape, terms, Floats(x), Floats(statistics), Floats(gradients.Output), FloatsOr(means, x),
                Flag(means is not null), Floats(gradients.Input), Flag(gradients.AccumulateInput));
        if (means is not null)
            Return(means);
    }

    private BatchShape ShapeOf(in BatchNormArguments arguments) =>
        new(arguments.Rows, arguments.Channels, PiecesFor(arguments.Channels, arguments.Rows, LeastRowsPerPiece));
}

/// <summary>A matrix whose rows are divided into pieces of every so many-th row.</summary>
internal readonly struct BatchShape(int rows, int channels, int pieces)
{
    public readonly int Rows = rows, Channels = channels, Pieces = pieces;

    /// <summary>One for each piece of each channel; neighbours have neighbouring channels.</summary>
    public int Threads => Pieces * Channels;
}

/// <summary>The running statistics, where there are any.</summary>
internal readonly struct RunningStatistics(ArrayView<float> mean, int hasMean, ArrayView<float> variance, int hasVariance, float momentum)
{
    public readonly ArrayView<float> Mean = mean, Variance = variance;

    private readonly int _hasMean = hasMean, _hasVariance = hasVariance;
    private readonly float _momentum = momentum;

    /// <summary>running ← (1 − m)·running + m·batch, with the unbiased variance.</summary>
    public void MoveTowards(int channel, double mean, double variance, int count)
    {
        double share = _momentum;
        if (_hasMean != 0)
            Mean[channel] = (float)((1 - share) * Mean[channel] + share * mean);
        if (_hasVariance != 0)
            Variance[channel] = (float)((1 - share) * Variance[channel] + share * variance * count / (count - 1));
    }
}

/// <summary>What runs on the device.</summary>
internal static class BatchNormKernels
{
    /// <summary>Sums of the distances from the channel's first row, and of their squares: [2, pieces, channels].</summary>
    [GpuKernel]
    public static void Moments(BatchShape shape, ArrayView<float> x, ArrayView<double> sums)
    {
        for (int i = GridStride.First; i < shape.Threads; i += GridStride.Step)
        {
            int piece = i / shape.Channels, channel = i - piece * shape.Channels;
            double origin = x[channel], sum = 0, squares = 0;
            for (int row = piece; row < shape.Rows; row += shape.Pieces)
            {
                double distance = x[row * shape.Channels + channel] - origin;
                sum += distance;
                squares += distance * distance;
            }

            sums[i] = sum;
            sums[shape.Threads + i] = squares;
        }
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void Statistics<TTeam>(
        BatchShape shape, ArrayView<float> x, ArrayView<double> sums, RunningStatistics running, float epsilon, ArrayView<float> statistics)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int channel = team.Index; channel < shape.Channels; channel += team.Count)
        {
            double sum = 0, squares = 0;
            NormalizationKernels.AddPieces<TTeam>(sums, channel, shape.Channels, shape.Pieces, ref sum, ref squares);
            if (team.Rank != 0)
                continue;
            double mean = x[channel] + sum / shape.Rows, variance = SetStatistics.Variance(sum, squares, shape.Rows);
            new SetStatistics(mean, variance, epsilon).Store(statistics, channel, shape.Channels);
            running.MoveTowards(channel, mean, variance, shape.Rows);
        }
    }

    [GpuKernel]
    public static void FixedStatistics(int channels, RunningStatistics running, float epsilon, ArrayView<float> statistics)
    {
        for (int channel = GridStride.First; channel < channels; channel += GridStride.Step)
            new SetStatistics(running.Mean[channel], running.Variance[channel], epsilon).Store(statistics, channel, channels);
    }

    [GpuKernel]
    public static void Forward(BatchShape shape, NormalizationTerms terms, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> y)
    {
        for (int i = GridStride.First; i < shape.Threads; i += GridStride.Step)
        {
            int piece = i / shape.Channels, channel = i - piece * shape.Channels;
            var own = new SetStatistics(statistics, channel, shape.Channels);
            float gamma = terms.Gamma(channel), beta = terms.Beta(channel);
            for (int row = piece; row < shape.Rows; row += shape.Pieces)
            {
                int place = row * shape.Channels + channel;
                y[place] = terms.Activate(own.Normalize(x[place]) * gamma + beta);
            }
        }
    }

    /// <summary>With g the gradient through the activation and n the normalised x: Σ g and Σ g·n, [2, pieces, channels].</summary>
    [GpuKernel]
    public static void Sums(
        BatchShape shape, NormalizationTerms terms, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> gradOutput, ArrayView<double> sums)
    {
        for (int i = GridStride.First; i < shape.Threads; i += GridStride.Step)
        {
            int piece = i / shape.Channels, channel = i - piece * shape.Channels;
            var own = new SetStatistics(statistics, channel, shape.Channels);
            float gamma = terms.Gamma(channel), beta = terms.Beta(channel);
            double sum = 0, product = 0;
            for (int row = piece; row < shape.Rows; row += shape.Pieces)
            {
                int place = row * shape.Channels + channel;
                float normal = own.Normalize(x[place]), gradient = terms.Through(normal * gamma + beta, gradOutput[place]);
                sum += gradient;
                product += (double)gradient * normal;
            }

            sums[i] = sum;
            sums[shape.Threads + i] = product;
        }
    }

    /// <summary>gradInput (+)= γ/√(σ² + ε)·(g − mean of g − n·mean of g·n).</summary>
    [GpuKernel]
    public static void Backward(
        BatchShape shape, NormalizationTerms terms, ArrayView<float> x, ArrayView<float> statistics, ArrayView<float> gradOutput, ArrayView<float> means, int hasMeans,
        ArrayView<float> gradInput, int accumulate)
    {
        for (int i = GridStride.First; i < shape.Threads; i += GridStride.Step)
        {
            int piece = i / shape.Channels, channel = i - piece * shape.Channels;
            var own = new SetStatistics(statistics, channel, shape.Channels);
            float gamma = terms.Gamma(channel), beta = terms.Beta(channel), scale = own.Inverse * gamma;
            float mean = hasMeans != 0 ? means[channel] : 0f, slope = hasMeans != 0 ? means[shape.Channels + channel] : 0f;
            for (int row = piece; row < shape.Rows; row += shape.Pieces)
            {
                int place = row * shape.Channels + channel;
                float normal = own.Normalize(x[place]), gradient = terms.Through(normal * gamma + beta, gradOutput[place]);
                ReductionKernels.Store(gradInput, place, scale * (hasMeans != 0 ? gradient - mean - normal * slope : gradient), accumulate);
            }
        }
    }
}
