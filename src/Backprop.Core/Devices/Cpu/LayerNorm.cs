using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Normalisation of contiguous rows: layer normalisation, and group normalisation of examples with one position.</summary>
internal sealed unsafe partial class CpuDevice
{
    // Rows whose contributions to γ and β are added in single precision before doubles take over.
    private const int RowsPerSum = 64;

    // Rows whose statistics are computed side by side; they are in the first cache when they are read again.
    private const int ElementsAtOnce = 1024;

    // Room for the sums of all pieces together, in channels.
    private const int MaximumSummedChannels = 1 << 20;

    private void NormalizeRows(in GroupNormArguments arguments, float* x, float* statistics, float* y)
    {
        NativeBlock memory = Buffers.Rent(2L * arguments.Channels);
        try
        {
            RowParameters parameters = ParametersOf(arguments, Pointer(memory));
            Choose(new RowsForwardPass(this, parameters, x, statistics, y), arguments.Activation);
        }
        finally
        {
            Return(memory);
        }
    }

    private void NormalizeRowsBackward(in GroupNormArguments arguments, float* x, float* statistics, in NormalizationGradients gradients)
    {
        int channels = arguments.Channels;
        int pieces = (int)Math.Clamp((long)arguments.Examples * channels / MinimumTermsPerPiece, 1, Math.Min(MaximumPieces, arguments.Examples));
        pieces = Math.Clamp(MaximumSummedChannels / channels, 1, pieces);

        // Per piece and channel two doubles and two floats; then γ and β, if they are not given.
        NativeBlock memory = Buffers.Rent((pieces * (2L * FloatsPerDouble + 2) + 2) * channels);
        try
        {
            double* sums = (double*)Pointer(memory);
            float* partial = (float*)(sums + 2 * (nint)pieces * channels);
            RowParameters parameters = ParametersOf(arguments, partial + 2 * (nint)pieces * channels);
            Choose(new RowsBackwardPass(this, parameters, pieces, x, statistics, gradients, sums, partial), arguments.Activation);
            for (int c = 0; c < channels; c++)
            {
                double beta = 0, gamma = 0;
                for (int piece = 0; piece < pieces; piece++)
                {
                    beta += sums[2 * (nint)piece * channels + c];
                    gamma += sums[(2 * (nint)piece + 1) * channels + c];
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

    /// <summary>γ and β, replaced by 1 and 0 in the given memory where there are none.</summary>
    private static RowParameters ParametersOf(in GroupNormArguments arguments, float* memory)
    {
        float* gamma = PointerOrNull(arguments.Gamma), beta = PointerOrNull(arguments.Beta);
        if (gamma == null)
            new Span<float>(gamma = memory, arguments.Channels).Fill(1f);
        if (beta == null)
            new Span<float>(beta = memory + arguments.Channels, arguments.Channels).Clear();
        return new RowParameters(arguments, gamma, beta);
    }

    private readonly struct RowParameters(GroupNormArguments arguments, float* gamma, float* beta)
    {
        public readonly GroupNormArguments Arguments = arguments;
        public readonly float* Gamma = gamma, Beta = beta;

        public int RowLength => Arguments.ChannelsPerGroup;

        public int Rows => Arguments.Examples * Arguments.Groups;

        /// <summary>Where γ, β and the sums of a row's channels begin.</summary>
        public int FirstChannel(int row) => Arguments.Groups == 1 ? 0 : row % Arguments.Groups * RowLength;
    }

    private readonly struct RowsForwardKernel<TFunction>(RowParameters parameters, float* x, float* statistics, float* y) : IRangeKernel
        where TFunction : IActivationFunction
    {
        private readonly RowParameters _parameters = parameters;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int length = _parameters.RowLength, atOnce = Math.Clamp(ElementsAtOnce / length, 1, NormalizedRow.MaximumAtOnce);
            for (int row = start; row < end; row += atOnce)
            {
                int count = Math.Min(atOnce, end - row);
                float* source = x + (nint)row * length;
                NormalizedRow.ComputeStatistics<TSimd>(source, length, count, _parameters.Arguments.Epsilon, statistics + row, _parameters.Rows);
                for (int i = 0; i < count; i++)
                {
                    int channel = _parameters.FirstChannel(row + i);
                    NormalizedRow.Forward<TSimd, TFunction>(
                        new NormalizedRow(statistics + row + i, _parameters.Rows, _parameters.Gamma + channel, _parameters.Beta + channel, _parameters.Arguments.Activation),
                        source + (nint)i * length, y + ((nint)row + i) * length, length);
                }
            }
        }
    }

    private readonly struct RowsBackwardKernel<TFunction>(
        RowParameters parameters, int pieces, float* x, float* statistics, float* gradOutput, float* gradInput, bool accumulate, double* sums, float* partial) : IRangeKernel
        where TFunction : IActivationFunction
    {
        private readonly RowParameters _parameters = parameters;

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int channels = _parameters.Arguments.Channels, length = _parameters.RowLength, groups = _parameters.Arguments.Groups;
            for (int piece = start; piece < end; piece++)
            {
                double* total = sums + 2 * (nint)piece * channels;
                float* own = partial + 2 * (nint)piece * channels;
                new Span<double>(total, 2 * channels).Clear();
                int example = (int)((long)_parameters.Arguments.Examples * piece / pieces), last = (int)((long)_parameters.Arguments.Examples * (piece + 1) / pieces);
                while (example < last)
                {
                    new Span<float>(own, 2 * channels).Clear();
                    int count = Math.Min(RowsPerSum, last - example);
                    for (int row = example * groups; row < (example + count) * groups; row++)
                    {
                        int channel = _parameters.FirstChannel(row);
                        nint offset = (nint)row * length;
                        var normalized = new NormalizedRow(statistics + row, _parameters.Rows, _parameters.Gamma + channel, _parameters.Beta + channel, _parameters.Arguments.Activation);
                        NormalizedRow.Sum<TSimd, TFunction>(normalized, x + offset, gradOutput + offset, length, own + channel, own + channels + channel, out double sum, out double product);
                        if (gradInput == null)
                            continue;
                        if (accumulate)
                            NormalizedRow.Backward<TSimd, TFunction, Accumulate>(normalized, x + offset, gradOutput + offset, gradInput + offset, length, sum, product);
                        else
                            NormalizedRow.Backward<TSimd, TFunction, Overwrite>(normalized, x + offset, gradOutput + offset, gradInput + offset, length, sum, product);
                    }

                    DoubleSums.AddTo(total, own, 2 * channels);
                    example += count;
                }
            }
        }
    }

    private readonly struct RowsForwardPass(CpuDevice device, RowParameters parameters, float* x, float* statistics, float* y) : IActivationPass
    {
        private readonly RowParameters _parameters = parameters;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachRange(new RowsForwardKernel<TFunction>(_parameters, x, statistics, y), _parameters.Rows, _parameters.RowLength);
    }

    private readonly struct RowsBackwardPass(
        CpuDevice device, RowParameters parameters, int pieces, float* x, float* statistics, NormalizationGradients gradients, double* sums, float* partial) : IActivationPass
    {
        private readonly RowParameters _parameters = parameters;

        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachChunk(
                new RowsBackwardKernel<TFunction>(
                    _parameters, pieces, x, statistics, Pointer(gradients.Output), PointerOrNull(gradients.Input), gradients.AccumulateInput, sums, partial),
                pieces, new Chunking(pieces, 1));
    }
}
