using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(γ·n + β), n = (x − μ)/√(σ² + ε), per channel (the last axis) over all other axes. Backward, with g the
/// gradient through the activation and m elements per channel: gradβ = Σg; gradγ = Σg·n; gradInput = γ/√(σ² + ε)·(g −
/// gradβ/m − n·gradγ/m), without the two means where the statistics are the running ones. Ioffe and Szegedy 2015, arXiv:1502.03167.
/// </summary>
internal sealed class BatchNorm : Operation<BatchNorm.Attributes>
{
    private BatchNorm()
    {
    }

    public static BatchNorm Instance { get; } = new();

    public override string Name => "BatchNorm";

    /// <summary>Normalises with the statistics of x, and moves the running ones towards them where there are any.</summary>
    public static Tensor ApplyToBatch(
        Tensor x, Tensor gamma, Tensor beta, Tensor runningMean, Tensor runningVariance, float momentum, float epsilon, Activation activation = default) =>
        Instance.Forward(x, gamma, beta, runningMean, runningVariance, usesBatch: true, momentum, epsilon, activation);

    /// <summary>Normalises with the running statistics.</summary>
    public static Tensor Apply(Tensor x, Tensor gamma, Tensor beta, Tensor runningMean, Tensor runningVariance, float epsilon, Activation activation = default) =>
        Instance.Forward(x, gamma, beta, runningMean, runningVariance, usesBatch: false, 0f, epsilon, activation);

    private Tensor Forward(
        Tensor input, Tensor gamma, Tensor beta, Tensor runningMean, Tensor runningVariance, bool usesBatch, float momentum, float epsilon, Activation activation)
    {
        TensorStorage x = input.Storage;
        if (x.Shape.Rank < 2)
            throw new ShapeException($"{Name}: the input has shape {x.Shape}; expected [N, ..., C].");
        int channels = x.Shape[x.Shape.Rank - 1], rows = x.Shape.RowCount;
        Normalization.CheckParameters(Name, gamma, beta, epsilon, [channels], x.Shape);
        if (usesBatch && rows < 2)
            throw new ShapeException($"{Name}: the input of shape {x.Shape} has {rows} value per channel, whose deviation from the mean is 0 whatever it is; training needs at least 2 (a larger batch), and prediction uses the running statistics.");
        if (!runningMean.IsDefault || !runningVariance.IsDefault || !usesBatch)
        {
            Shape expected = [channels];
            if (runningMean.Shape != expected || runningVariance.Shape != expected)
                throw new ShapeException($"{Name}: the running statistics have the shapes {runningMean.Shape} and {runningVariance.Shape}; expected [{channels}], the channels of the input {x.Shape}.");
        }

        TapeState tape = gamma.IsDefault ? TapeState.Of(Name, [x]) : TapeState.Of(Name, [x, gamma.Storage, beta.Storage]);
        TensorStorage y = tape.Allocate(x.Shape), statistics = tape.Allocate([3, channels]);
        var arguments = new BatchNormArguments(rows, channels, epsilon)
        {
            UsesBatch = usesBatch,
            RunningMean = runningMean.IsDefault ? null : runningMean.Storage.Values,
            RunningVariance = runningVariance.IsDefault ? null : runningVariance.Storage.Values,
            Momentum = momentum,
            Gamma = gamma.IsDefault ? null : gamma.Storage.Values,
            Beta = beta.IsDefault ? null : beta.Storage.Values,
            Activation = activation,
        };
        tape.Device.BatchNorm(arguments, x.Values, statistics.Values, y.Values);
        if (usesBatch && !runningMean.IsDefault)
        {
            runningMean.Storage.Root.Version++;
            runningVariance.Storage.Root.Version++;
        }

        var attributes = new Attributes(rows, channels, epsilon, usesBatch, activation, statistics);
        if (gamma.IsDefault)
            Record(tape, y, attributes, [x], Needs.Input0);
        else
            Record(tape, y, attributes, [x, gamma.Storage, beta.Storage], Needs.Input0 | Needs.Input1 | Needs.Input2);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        var arguments = new BatchNormArguments(attributes.Rows, attributes.Channels, attributes.Epsilon)
        {
            UsesBatch = attributes.UsesBatch,
            Gamma = Normalization.Gamma(record),
            Beta = Normalization.Beta(record),
            Activation = attributes.Activation,
        };
        NormalizationGradients gradients = Normalization.Gradients(tape, record, out bool inPlace);
        tape.Device.BatchNormBackward(arguments, record.Input(0).Values, attributes.Statistics.Values, gradients);
        if (inPlace)
            tape.PassGradient(record, record.Input(0));
    }

    /// <param name="Rows">Elements per channel.</param>
    /// <param name="Channels">The length of the last axis.</param>
    /// <param name="Epsilon">ε.</param>
    /// <param name="UsesBatch">Whether the statistics depend on the input.</param>
    /// <param name="Activation">What followed.</param>
    /// <param name="Statistics">The statistics that were used: a tensor of the tape.</param>
    internal readonly record struct Attributes(int Rows, int Channels, float Epsilon, bool UsesBatch, Activation Activation, TensorStorage Statistics);
}
