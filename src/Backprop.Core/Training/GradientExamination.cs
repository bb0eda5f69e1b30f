using Backprop.Autograd;
using Backprop.Memory;

namespace Backprop.Training;

/// <summary>Computes a step on the side: everything of the network is as before when it is over, also if it fails.</summary>
internal static class GradientExamination
{
    // A schedule that has come down this far means small steps.
    private const float LoweredRate = 0.1f;

    /// <summary>The report of a step that nobody takes.</summary>
    public static GradientReport Make(Network network, ReadOnlySpan<float> features, int rows, Func<Tape, Tensor, Tensor> loss, double gradientScale, Optimizer? optimizer)
    {
        using var kept = new KeptAside(network);
        OptimizerState? state = optimizer?.For(network.Parameters); // first, since it freezes what is not to be trained
        var examination = new LayerExamination(network);
        double value = Pass(network, features, rows, loss, examination);
        LayerGradientStatistics[] layers = examination.Statistics(gradientScale);
        if (state is not null && gradientScale > 0)
        {
            var weights = new UpdateRatio(network.Parameters);
            try
            {
                state.Step((float)gradientScale);
                layers = examination.WithUpdates(layers, weights.Changes());
            }
            finally
            {
                weights.Restore();
            }
        }

        return new GradientReport(value * gradientScale, rows, optimizer?.LearningRate, layers);
    }

    /// <summary>The report of a step that a training run has taken.</summary>
    /// <param name="network">The network after the step.</param>
    /// <param name="rows">The rows of the mini-batch.</param>
    /// <param name="compute">Computes the loss of the mini-batch and its gradients, both summed, and gives the sum and its divisor.</param>
    /// <param name="changes">What the step has changed.</param>
    /// <param name="learningRate">Its learning rate.</param>
    /// <param name="initialRate">The optimizer's own, before any schedule.</param>
    public static GradientReport OfStep(
        Network network, int rows, Func<TapeObserver, (double Loss, double Divisor)> compute, Dictionary<Parameter, UpdateRatio.Change> changes, float learningRate, float initialRate)
    {
        using var kept = new KeptAside(network);
        var examination = new LayerExamination(network);
        (double loss, double divisor) = compute(examination);
        double scale = divisor > 0 ? 1 / divisor : 0;
        return new GradientReport(
            loss * scale, rows, learningRate, examination.WithUpdates(examination.Statistics(scale), changes), rateIsLowered: learningRate < LoweredRate * initialRate);
    }

    private static double Pass(Network network, ReadOnlySpan<float> features, int rows, Func<Tape, Tensor, Tensor> loss, TapeObserver observer)
    {
        using var tape = new Tape(network.Device);
        tape.State.Observer = observer;
        Tensor value = loss(tape, network.Forward(tape.Input(features, network.InputShape.Batch(rows)), training: true));
        if (value.RequiresGradient)
            tape.Backward(value);
        return value.ToScalar();
    }

    /// <summary>What a step would change of a network: put aside, and put back in the end.</summary>
    private sealed class KeptAside : IDisposable
    {
        private readonly Network _network;
        private readonly long _step;
        private readonly (MemoryBlock? Block, bool IsZero, bool IsFrozen, float[]? Statistic)[] _kept;

        public KeptAside(Network network)
        {
            _network = network;
            _step = network.TrainingStep;
            _kept = [.. network.Parameters.Select(parameter => (parameter.Storage.Gradient, parameter.Storage.GradientIsZero, parameter.IsFrozen,
                parameter.Kind == ParameterKind.Statistic ? parameter.Value.ToArray() : null))];
            foreach (Parameter parameter in network.Parameters)
                (parameter.Storage.Gradient, parameter.Storage.GradientIsZero) = (null, false);
        }

        public void Dispose()
        {
            _network.TrainingStep = _step;
            for (int i = 0; i < _kept.Length; i++)
            {
                Parameter parameter = _network.Parameters[i];
                parameter.ReleaseGradient();
                if (parameter.IsFrozen != _kept[i].IsFrozen)
                    parameter.IsFrozen = _kept[i].IsFrozen;
                (parameter.Storage.Gradient, parameter.Storage.GradientIsZero) = (_kept[i].Block, _kept[i].IsZero);
                if (_kept[i].Statistic is { } values)
                    parameter.Value.SetValues(values);
            }
        }
    }
}
