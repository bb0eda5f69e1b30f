using Backprop.Devices;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop.Layers;

/// <summary>A layer that is linear in its weights, whose last axis is the output channels, and may apply other weights than its own.</summary>
internal interface ILinearLayer
{
    public Parameter Weight { get; }

    public Parameter? Bias { get; }

    public Activation Activation { get; }

    public Tensor Forward(Tensor x, Tensor weight, Tensor bias, Activation activation);
}

/// <summary>
/// A linear layer and the batch normalisation behind it as one operation, for prediction: with s = γ/√(σ² + ε) of the
/// running statistics, (x·W + b − μ)·s + β = x·(W·s) + ((b − μ)·s + β). The product of weights and scale is computed once for
/// each state of the parameters, by whoever predicts first.
/// </summary>
internal sealed class FoldedBatchNorm : Layer
{
    private readonly ILinearLayer _linear;
    private readonly BatchNormLayer _norm;
    private readonly Lock _lock = new();
    private TensorStorage? _weight, _bias;
    private long _state = -1;

    private FoldedBatchNorm(Layer layer, ILinearLayer linear, BatchNormLayer norm) : base(layer.Name, layer.InputShape, norm.OutputShape) =>
        (_linear, _norm) = (linear, norm);

    public override string Description => $"{_norm.Description}, folded";

    /// <summary>How many values the folded weights take, once there are any.</summary>
    public long FoldedValues => _linear.Weight.Shape.Length + _norm.RunningMean.Shape.Length;

    // Each version only grows, so equal sums mean equal states.
    private long State =>
        1L * _linear.Weight.Storage.Version + (_linear.Bias?.Storage.Version ?? 0) + (_norm.Gamma?.Storage.Version ?? 0) + (_norm.Beta?.Storage.Version ?? 0) +
        _norm.RunningMean.Storage.Version + _norm.RunningVariance.Storage.Version;

    /// <summary>The layers with each pair that can be folded replaced by its folded form.</summary>
    public static Layer[] Fold(IReadOnlyList<Layer> layers)
    {
        var folded = new List<Layer>();
        for (int i = 0; i < layers.Count; i++)
        {
            if (layers[i] is ILinearLayer { Activation.Kind: ActivationKind.Identity } linear && i + 1 < layers.Count && layers[i + 1] is BatchNormLayer norm)
            {
                folded.Add(new FoldedBatchNorm(layers[i], linear, norm));
                i++;
            }
            else
            {
                folded.Add(layers[i]);
            }
        }

        return [.. folded];
    }

    public override Tensor Forward(Tensor x, in ForwardContext context)
    {
        if (Volatile.Read(ref _state) != State)
            Refresh();
        return _linear.Forward(x, new Tensor(_weight!), new Tensor(_bias!), _norm.Activation);
    }

    private void Refresh()
    {
        // Parameters change only while nobody predicts, so nobody reads the old weights now.
        lock (_lock)
        {
            long state = State;
            if (_state == state)
                return;
            _weight ??= NewStorage(_linear.Weight.Shape);
            _bias ??= NewStorage(_norm.RunningMean.Shape);
            Compute(_weight.Device);
            Volatile.Write(ref _state, state);
        }
    }

    // Weights are normalised like values, but for the shift: that goes into the bias.
    private void Compute(Device device)
    {
        int channels = _norm.RunningMean.Shape.Length;
        if (channels == 0)
            return;
        using ScratchBlock zeros = ScratchBlock.Rent(device, channels), statistics = ScratchBlock.Rent(device, 3 * channels);
        device.Fill(zeros.Block, 0f, channels);
        var scale = new BatchNormArguments(_linear.Weight.Shape.Length / channels, channels, _norm.Epsilon)
        {
            RunningMean = zeros.Block,
            RunningVariance = _norm.RunningVariance.Storage.Values,
            Gamma = _norm.Gamma?.Storage.Values,
        };
        device.BatchNorm(scale, _linear.Weight.Storage.Values, statistics.Block, _weight!.Values);
        BatchNormArguments shift = scale with { Rows = 1, RunningMean = _norm.RunningMean.Storage.Values, Beta = _norm.Beta?.Storage.Values };
        device.BatchNorm(shift, _linear.Bias?.Storage.Values ?? zeros.Block, statistics.Block, _bias!.Values);
    }

    private TensorStorage NewStorage(Shape shape)
    {
        Device device = _linear.Weight.Storage.Device;
        return new TensorStorage { Device = device, Shape = shape, Block = device.Rent(Math.Max(shape.Length, 1), ElementType.Float32), Holders = 1 };
    }
}
