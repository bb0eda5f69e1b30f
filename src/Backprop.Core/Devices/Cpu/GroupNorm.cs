using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Group normalisation, one example after the other while it is in cache: sums per channel as in batch normalisation, the
/// channels of a group merged, then every element. Examples with one position (layer normalisation) are rows; see
/// <see cref="NormalizedRow"/>.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        if (arguments.Length == 0)
            return;
        if (arguments.Positions == 1)
        {
            NormalizeRows(arguments, Pointer(x), Pointer(statistics), Pointer(y));
            return;
        }

        var example = new ExampleLayout(arguments);
        NativeBlock memory = Buffers.Rent(arguments.Examples * example.ScratchFloats);
        try
        {
            Choose(new GroupForwardPass(this, new GroupOperands(arguments, example, Pointer(memory), Pointer(x), Pointer(statistics)), Pointer(y)), arguments.Activation);
        }
        finally
        {
            Return(memory);
        }
    }

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        if (arguments.Length > 0 && arguments.Positions == 1)
        {
            NormalizeRowsBackward(arguments, Pointer(x), Pointer(statistics), gradients);
            return;
        }

        var example = new ExampleLayout(arguments);
        NativeBlock memory = Buffers.Rent(arguments.Examples * example.ScratchFloats);
        try
        {
            if (arguments.Length > 0)
                Choose(new GroupBackwardPass(this, new GroupOperands(arguments, example, Pointer(memory), Pointer(x), Pointer(statistics)), gradients), arguments.Activation);
            for (int c = 0; c < arguments.Channels; c++)
            {
                double gamma = 0, beta = 0;
                for (int n = 0; n < arguments.Examples && arguments.Length > 0; n++)
                {
                    double* sums = (double*)(Pointer(memory) + n * (nint)example.ScratchFloats);
                    beta += sums[c];
                    gamma += sums[example.View.Columns + c];
                }

                if (gradients.Gamma is not null)
                    Store(Pointer(gradients.Gamma) + c, gamma, gradients.AccumulateGamma);
                if (gradients.Beta is not null)
                    Store(Pointer(gradients.Beta) + c, beta, gradients.AccumulateBeta);
            }
        }
        finally
        {
            Return(memory);
        }
    }

    /// <summary>How one example is walked, and the memory that takes: two sums per column in double and the tables.</summary>
    private readonly struct ExampleLayout
    {
        public readonly ChannelView View;

        public ExampleLayout(in GroupNormArguments arguments) => View = new ChannelView(arguments.Positions, Math.Max(arguments.Channels, 1));

        // Even, so that the doubles of every example stand at multiples of their size.
        public long ScratchFloats => ((2L * FloatsPerDouble + ChannelTables.NumberOfTables) * View.Columns + 1) & ~1L;
    }

    /// <summary>What the kernels of a group normalisation read, and the sums and tables of each example.</summary>
    private readonly struct GroupOperands(GroupNormArguments arguments, ExampleLayout layout, float* memory, float* x, float* statistics)
    {
        public readonly GroupNormArguments Arguments = arguments;
        public readonly ChannelView View = layout.View;
        private readonly ExampleLayout _layout = layout;

        public int ExampleLength => Arguments.Positions * Arguments.Channels;

        public int Sets => Arguments.Examples * Arguments.Groups;

        public int ElementsPerGroup => Arguments.Positions * Arguments.ChannelsPerGroup;

        public double* Sums(int example) => (double*)(memory + example * (nint)_layout.ScratchFloats);

        public ChannelTables Tables(int example) => new((float*)(Sums(example) + 2 * View.Columns), View.Columns);

        public float* X(int example) => x + (nint)example * ExampleLength;

        public float* Statistics(int example) => statistics + example * Arguments.Groups;

        public void FillTables(int example) =>
            Tables(example).Fill(View, Statistics(example), Sets, Arguments.ChannelsPerGroup, PointerOrNull(Arguments.Gamma), PointerOrNull(Arguments.Beta));
    }

    private readonly struct GroupForwardKernel<TFunction>(GroupOperands operands, float* y) : IRangeKernel
        where TFunction : IActivationFunction
    {
        private readonly GroupOperands _operands = operands;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int n = start; n < end; n++)
            {
                ComputeStatistics<TSimd>(n);
                _operands.FillTables(n);
                var kernel = new ChannelForwardKernel<TFunction>(
                    _operands.View, _operands.ExampleLength, _operands.Tables(n), _operands.X(n), y + (nint)n * _operands.ExampleLength, _operands.Arguments.Activation.Parameter);
                kernel.Apply<TSimd>(0, 0, _operands.View.AllRows);
            }
        }

        private void ComputeStatistics<TSimd>(int n)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            ChannelView view = _operands.View;
            double* means = _operands.Sums(n), deviations = means + view.Columns;
            for (int strip = 0; strip < view.Strips; strip++)
                ChannelMoments.Compute<TSimd>(_operands.X(n), view, 0, 1, strip, means + strip * ChannelView.StripWidth, deviations + strip * ChannelView.StripWidth);
            int channels = _operands.Arguments.ChannelsPerGroup;
            for (int group = 0; group < _operands.Arguments.Groups; group++)
            {
                var moments = new Moments();
                for (int c = group * channels; c < (group + 1) * channels; c++)
                    for (int column = c; column < view.Columns; column += view.Channels)
                        moments.Merge(view.CountOf(0, 1, column), means[column], deviations[column]);
                StoreStatistics(_operands.Statistics(n) + group, _operands.Sets, moments.Mean, moments.Variance, _operands.Arguments.Epsilon);
            }
        }
    }

    private readonly struct GroupBackwardKernel<TFunction>(GroupOperands operands, float* gradOutput, float* gradInput, bool accumulate) : IRangeKernel
        where TFunction : IActivationFunction
    {
        private readonly GroupOperands _operands = operands;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            ChannelView view = _operands.View;
            for (int n = start; n < end; n++)
            {
                nint offset = (nint)n * _operands.ExampleLength;
                _operands.FillTables(n);
                ChannelTables tables = _operands.Tables(n);
                double* sums = _operands.Sums(n);
                for (int strip = 0; strip < view.Strips; strip++)
                {
                    int first = strip * ChannelView.StripWidth;
                    ChannelGradients.Sum<TSimd, TFunction>(
                        _operands.X(n), gradOutput + offset, tables, view, _operands.Arguments.Activation, 0, 1, strip, sums + first, sums + view.Columns + first);
                }

                for (int group = 0; group < _operands.Arguments.Groups; group++)
                    Combine(n, group, tables, sums);
                if (gradInput == null)
                    continue;
                ChannelTables.Repeat(view, tables.Slope);
                ChannelTables.Repeat(view, tables.Offset);
                Activation activation = _operands.Arguments.Activation;
                if (accumulate)
                    new ChannelBackwardKernel<TFunction, Accumulate>(view, _operands.ExampleLength, tables, _operands.X(n), gradOutput + offset, gradInput + offset, activation)
                        .Apply<TSimd>(0, 0, view.AllRows);
                else
                    new ChannelBackwardKernel<TFunction, Overwrite>(view, _operands.ExampleLength, tables, _operands.X(n), gradOutput + offset, gradInput + offset, activation)
                        .Apply<TSimd>(0, 0, view.AllRows);
            }
        }

        /// <summary>The sums of a group's channels: those of the channel stay for γ and β, those of the group go into the tables.</summary>
        private void Combine(int n, int group, in ChannelTables tables, double* sums)
        {
            ChannelView view = _operands.View;
            float* own = _operands.Statistics(n) + group, gamma = PointerOrNull(_operands.Arguments.Gamma);
            double rest = own[_operands.Sets], inverse = own[2 * (nint)_operands.Sets], groupSum = 0, groupProduct = 0;
            int channels = _operands.Arguments.ChannelsPerGroup;
            for (int c = group * channels; c < (group + 1) * channels; c++)
            {
                double sum = 0, product = 0;
                for (int column = c; column < view.Columns; column += view.Channels)
                {
                    sum += sums[column];
                    product += sums[view.Columns + column];
                }

                product = (product - rest * sum) * inverse;
                sums[c] = sum;
                sums[view.Columns + c] = product;
                double weight = gamma == null ? 1 : gamma[c];
                groupSum += weight * sum;
                groupProduct += weight * product;
            }

            double slope = inverse * inverse * groupProduct / _operands.ElementsPerGroup, offset = rest * slope - inverse * groupSum / _operands.ElementsPerGroup;
            new Span<float>(tables.Slope + group * channels, channels).Fill((float)slope);
            new Span<float>(tables.Offset + group * channels, channels).Fill((float)offset);
        }
    }

    private readonly struct GroupForwardPass(CpuDevice device, GroupOperands operands, float* y) : IActivationPass
    {
        private readonly GroupOperands _operands = operands;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachRange(new GroupForwardKernel<TFunction>(_operands, y), _operands.Arguments.Examples, _operands.ExampleLength);
    }

    private readonly struct GroupBackwardPass(CpuDevice device, GroupOperands operands, NormalizationGradients gradients) : IActivationPass
    {
        private readonly GroupOperands _operands = operands;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachRange(
                new GroupBackwardKernel<TFunction>(_operands, Pointer(gradients.Output), PointerOrNull(gradients.Input), gradients.AccumulateInput),
                _operands.Arguments.Examples, _operands.ExampleLength);
    }
}
