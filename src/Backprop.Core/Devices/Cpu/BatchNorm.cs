using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Batch normalisation in two passes over memory each way: sums per channel, then every element. Pieces of the rows are
/// summed apart and added in their order; the pieces depend on the shape alone.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    private const int FloatsPerDouble = sizeof(double) / sizeof(float);

    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        int channels = arguments.Channels;
        if (channels == 0)
            return;
        var view = new ChannelView(arguments.Rows, channels);
        if (arguments.UsesBatch)
            ComputeBatchStatistics(arguments, view, Pointer(x), Pointer(statistics));
        else
            for (int c = 0; c < channels; c++)
                StoreStatistics(Pointer(statistics) + c, channels, Pointer(arguments.RunningMean!)[c], Pointer(arguments.RunningVariance!)[c], arguments.Epsilon);

        NativeBlock memory = Buffers.Rent((long)ChannelTables.NumberOfTables * view.Columns);
        try
        {
            var tables = new ChannelTables(Pointer(memory), view.Columns);
            tables.Fill(view, Pointer(statistics), channels, 1, PointerOrNull(arguments.Gamma), PointerOrNull(arguments.Beta));
            Choose(new ChannelForwardPass(this, view, arguments.Rows * channels, tables, Pointer(x), Pointer(y), arguments.Activation.Parameter), arguments.Activation);
        }
        finally
        {
            Return(memory);
        }
    }

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        int channels = arguments.Channels;
        if (channels == 0)
            return;
        var view = new ChannelView(arguments.Rows, channels);
        int pieces = NumberOfPieces(view.Strips, (long)view.Rows * Math.Min(view.Columns, ChannelView.StripWidth)), columns = view.Columns;
        NativeBlock memory = Buffers.Rent((2L * pieces * FloatsPerDouble + ChannelTables.NumberOfTables) * columns);
        try
        {
            double* sums = (double*)Pointer(memory);
            var tables = new ChannelTables((float*)(sums + 2 * (nint)pieces * columns), columns);
            tables.Fill(view, Pointer(statistics), channels, 1, PointerOrNull(arguments.Gamma), PointerOrNull(arguments.Beta));
            Choose(new ChannelSumsPass(this, view, pieces, tables, Pointer(x), Pointer(gradients.Output), arguments.Activation, sums), arguments.Activation);

            float* own = Pointer(statistics);
            for (int c = 0; c < channels; c++)
            {
                double sum = 0, product = 0;
                for (int piece = 0; piece < pieces; piece++)
                {
                    for (int column = c; column < columns; column += channels)
                    {
                        sum += sums[2 * (nint)piece * columns + column];
                        product += sums[(2 * (nint)piece + 1) * columns + column];
                    }
                }

                double rest = own[channels + c], inverse = own[2 * channels + c], scale = tables.Scale[c];
                double gradGamma = (product - rest * sum) * inverse;
                if (gradients.Gamma is not null)
                    Store(Pointer(gradients.Gamma) + c, gradGamma, gradients.AccumulateGamma);
                if (gradients.Beta is not null)
                    Store(Pointer(gradients.Beta) + c, sum, gradients.AccumulateBeta);

                // Statistics that do not depend on x pass the gradient on as it is.
                double slope = arguments.UsesBatch ? scale * inverse * gradGamma / arguments.Rows : 0;
                tables.Slope[c] = (float)slope;
                tables.Offset[c] = arguments.UsesBatch ? (float)(rest * slope - scale * sum / arguments.Rows) : 0f;
            }

            if (gradients.Input is null)
                return;
            ChannelTables.Repeat(view, tables.Slope);
            ChannelTables.Repeat(view, tables.Offset);
            Choose(
                new ChannelBackwardPass(
                    this, view, arguments.Rows * channels, tables, Pointer(x), Pointer(gradients.Output), Pointer(gradients.Input), arguments.Activation, gradients.AccumulateInput),
                arguments.Activation);
        }
        finally
        {
            Return(memory);
        }
    }

    private void ComputeBatchStatistics(in BatchNormArguments arguments, in ChannelView view, float* x, float* statistics)
    {
        int channels = view.Channels, columns = view.Columns, pieces = NumberOfPieces(view.Strips, (long)view.Rows * Math.Min(columns, ChannelView.StripWidth));
        NativeBlock memory = Buffers.Rent(2L * pieces * columns * FloatsPerDouble);
        try
        {
            double* results = (double*)Pointer(memory);
            ForEachChunk(new MomentsKernel(view, pieces, x, results), pieces * view.Strips, new Chunking(pieces * view.Strips, 1));
            for (int c = 0; c < channels; c++)
            {
                var moments = new Moments();
                for (int piece = 0; piece < pieces; piece++)
                    for (int column = c; column < columns; column += channels)
                        moments.Merge(view.CountOf(piece, pieces, column), results[2 * (nint)piece * columns + column], results[(2 * (nint)piece + 1) * columns + column]);

                StoreStatistics(statistics + c, channels, moments.Mean, moments.Variance, arguments.Epsilon);
                double share = arguments.Momentum;
                if (arguments.RunningMean is not null)
                    Pointer(arguments.RunningMean)[c] = (float)((1 - share) * Pointer(arguments.RunningMean)[c] + share * moments.Mean);
                if (arguments.RunningVariance is not null)
                    Pointer(arguments.RunningVariance)[c] = (float)((1 - share) * Pointer(arguments.RunningVariance)[c] + share * moments.SquaredDeviations / (moments.Count - 1));
            }
        }
        finally
        {
            Return(memory);
        }
    }

    private static void StoreStatistics(float* statistics, nint distance, double mean, double variance, float epsilon)
    {
        statistics[0] = (float)mean;
        statistics[distance] = (float)(mean - statistics[0]);
        statistics[2 * distance] = (float)(1 / Math.Sqrt(variance + epsilon));
    }

    private static void Store(float* destination, double value, bool accumulate) =>
        *destination = accumulate ? *destination + (float)value : (float)value;

    // Tasks run through the strips of a piece first, whose rows are neighbours in memory.
    private readonly struct MomentsKernel(ChannelView view, int pieces, float* x, double* results) : IRangeKernel
    {
        private readonly ChannelView _view = view;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int task = start; task < end; task++)
            {
                (int piece, int strip) = Math.DivRem(task, _view.Strips);
                double* means = results + 2 * (nint)piece * _view.Columns + strip * ChannelView.StripWidth;
                ChannelMoments.Compute<TSimd>(x, _view, piece, pieces, strip, means, means + _view.Columns);
            }
        }
    }

    private readonly struct ChannelSumsKernel<TFunction>(ChannelView view, int pieces, ChannelTables tables, float* x, float* gradOutput, Activation activation, double* results) : IRangeKernel
        where TFunction : IActivationFunction
    {
        private readonly ChannelView _view = view;
        private readonly ChannelTables _tables = tables;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int task = start; task < end; task++)
            {
                (int piece, int strip) = Math.DivRem(task, _view.Strips);
                double* sums = results + 2 * (nint)piece * _view.Columns + strip * ChannelView.StripWidth;
                ChannelGradients.Sum<TSimd, TFunction>(x, gradOutput, _tables, _view, activation, piece, pieces, strip, sums, sums + _view.Columns);
            }
        }
    }

    private readonly struct ChannelForwardPass(CpuDevice device, ChannelView view, int length, ChannelTables tables, float* x, float* y, float parameter) : IActivationPass
    {
        private readonly ChannelView _view = view;
        private readonly ChannelTables _tables = tables;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachRange(new ChannelForwardKernel<TFunction>(_view, length, _tables, x, y, parameter), _view.AllRows, _view.Columns);
    }

    private readonly struct ChannelSumsPass(
        CpuDevice device, ChannelView view, int pieces, ChannelTables tables, float* x, float* gradOutput, Activation activation, double* results) : IActivationPass
    {
        private readonly ChannelView _view = view;
        private readonly ChannelTables _tables = tables;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachChunk(
                new ChannelSumsKernel<TFunction>(_view, pieces, _tables, x, gradOutput, activation, results), pieces * _view.Strips, new Chunking(pieces * _view.Strips, 1));
    }

    private readonly struct ChannelBackwardPass(
        CpuDevice device, ChannelView view, int length, ChannelTables tables, float* x, float* gradOutput, float* gradInput, Activation activation, bool accumulate) : IActivationPass
    {
        private readonly ChannelView _view = view;
        private readonly ChannelTables _tables = tables;

        public void Run<TFunction>()
            where TFunction : IActivationFunction
        {
            if (accumulate)
                device.ForEachRange(new ChannelBackwardKernel<TFunction, Accumulate>(_view, length, _tables, x, gradOutput, gradInput, activation), _view.AllRows, _view.Columns);
            else
                device.ForEachRange(new ChannelBackwardKernel<TFunction, Overwrite>(_view, length, _tables, x, gradOutput, gradInput, activation), _view.AllRows, _view.Columns);
        }
    }
}
