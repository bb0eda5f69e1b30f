using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>What follows a normalisation: γ, β and the activation.</summary>
internal readonly struct NormalizationTerms(ArrayView<float> gamma, int hasGamma, ArrayView<float> beta, int hasBeta, int activation, float parameter, int isFromOutput)
{
    private readonly ArrayView<float> _gamma = gamma, _beta = beta;
    private readonly int _hasGamma = hasGamma, _hasBeta = hasBeta, _activation = activation, _isFromOutput = isFromOutput;
    private readonly float _parameter = parameter;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Gamma(int channel) => _hasGamma != 0 ? _gamma[channel] : 1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Beta(int channel) => _hasBeta != 0 ? _beta[channel] : 0f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Activate(float z) => ActivationFunctions.Forward(_activation, _parameter, z);

    /// <summary>The gradient through the activation, whose input z is computed again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Through(float z, float gradOutput)
    {
        if (_activation == (int)ActivationKind.Identity)
            return gradOutput;
        float given = _isFromOutput != 0 ? ActivationFunctions.Forward(_activation, _parameter, z) : z;
        return ActivationFunctions.Backward(_activation, _parameter, _isFromOutput, given, gradOutput);
    }
}

/// <summary>The mean of a set of numbers, what it lost when it was rounded, and 1/√(σ² + ε).</summary>
internal readonly struct SetStatistics
{
    public readonly float Mean, Rest, Inverse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SetStatistics(double mean, double variance, float epsilon)
    {
        Mean = (float)mean;
        Rest = (float)(mean - Mean);
        Inverse = (float)(1 / Math.Sqrt(variance + epsilon));
    }

    /// <summary>Reads those of one set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SetStatistics(ArrayView<float> statistics, int set, int sets)
    {
        Mean = statistics[set];
        Rest = statistics[sets + set];
        Inverse = statistics[2 * sets + set];
    }

    /// <summary>
    /// Those of a set of which the distances from one of its members are summed. Its own distance from the mean is at most
    /// √count times σ, so the squares lose no digits that matter.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Variance(double sum, double squares, int count)
    {
        double variance = (squares - sum * sum / count) / count;
        return variance < 0 ? 0 : variance;
    }

    /// <summary>(x − μ)/√(σ² + ε).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Normalize(float x) => (x - Mean - Rest) * Inverse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ArrayView<float> statistics, int set, int sets)
    {
        statistics[set] = Mean;
        statistics[sets + set] = Rest;
        statistics[2 * sets + set] = Inverse;
    }
}

/// <content>What batch and group normalisation have in common.</content>
internal sealed partial class GpuDevice
{
    // A thread of batch normalisation goes through a piece of the rows of one channel.
    private const int LeastRowsPerPiece = 4;

    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, int, ChannelGradients>> _finishChannelSums;

    private static NormalizationTerms Terms(MemoryBlock? gamma, MemoryBlock? beta, Activation activation, MemoryBlock any) => new(
        FloatsOr(gamma, any), Flag(gamma is not null), FloatsOr(beta, any), Flag(beta is not null), (int)activation.Kind, activation.Parameter,
        Flag(activation.DerivativeFromOutput));

    /// <summary>Adds the pieces of the sums Σ g and Σ g·n per channel, and stores the gradients of β and γ that they are.</summary>
    private void FinishChannelSums(GpuBlock sums, int channels, int pieces, in NormalizationGradients gradients, MemoryBlock? means, int rows)
    {
        var destination = new ChannelGradients(
            FloatsOr(gradients.Gamma, gradients.Output), Mode(gradients.Gamma, gradients.AccumulateGamma), FloatsOr(gradients.Beta, gradients.Output),
            Mode(gradients.Beta, gradients.AccumulateBeta), FloatsOr(means, gradients.Output), Flag(means is not null), rows);
        ThreadTeamKind team = TeamFor(channels, pieces, areNeighbours: false);
        TeamKernel(
            ref _finishChannelSums, team, NormalizationKernels.FinishChannelSums<SingleThread>, NormalizationKernels.FinishChannelSums<WarpOfThreads>,
            NormalizationKernels.FinishChannelSums<GroupOfThreads>)(
            _stream, GridForRows(team, channels), sums.Doubles, channels, pieces, destination);
    }

    private static int Mode(MemoryBlock? destination, bool accumulate) =>
        destination is null ? ChannelGradients.Nowhere : accumulate ? ChannelGradients.Accumulate : ChannelGradients.Overwrite;
}

/// <summary>Where sums per channel go: Σ g·n is the gradient of γ, Σ g that of β, and both over the number of rows are what backward takes from g.</summary>
internal readonly struct ChannelGradients(
    ArrayView<float> gamma, int gammaMode, ArrayView<float> beta, int betaMode, ArrayView<float> means, int hasMeans, int rows)
{
    public const int Nowhere = 0, Overwrite = 1, Accumulate = 2;

    private readonly ArrayView<float> _gamma = gamma, _beta = beta, _means = means;
    private readonly int _gammaMode = gammaMode, _betaMode = betaMode, _hasMeans = hasMeans, _rows = rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int channel, int channels, double sum, double product)
    {
        if (_gammaMode != Nowhere)
            ReductionKernels.Store(_gamma, channel, (float)product, Flag(_gammaMode));
        if (_betaMode != Nowhere)
            ReductionKernels.Store(_beta, channel, (float)sum, Flag(_betaMode));
        if (_hasMeans == 0)
            return;
        _means[channel] = (float)(sum / _rows);
        _means[channels + channel] = (float)(product / _rows);
    }

    private static int Flag(int mode) => mode == Accumulate ? 1 : 0;
}

/// <summary>What runs on the device.</summary>
internal static class NormalizationKernels
{
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void FinishChannelSums<TTeam>(ArrayView<double> sums, int channels, int pieces, ChannelGradients destination)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int channel = team.Index; channel < channels; channel += team.Count)
        {
            double sum = 0, product = 0;
            AddPieces<TTeam>(sums, channel, channels, pieces, ref sum, ref product);
            if (team.Rank == 0)
                destination.Store(channel, channels, sum, product);
        }
    }

    /// <summary>Adds the pieces of two sums per channel, [2, pieces, channels].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddPieces<TTeam>(ArrayView<double> sums, int channel, int channels, int pieces, ref double first, ref double second)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int piece = team.Rank; piece < pieces; piece += team.Size)
        {
            first += sums[piece * channels + channel];
            second += sums[(pieces + piece) * channels + channel];
        }

        first = team.Sum(first);
        second = team.Sum(second);
    }
}
