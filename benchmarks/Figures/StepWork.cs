namespace Backprop.Benchmarks.Figures;

/// <summary>A network with mini-batches to train it on, and the pieces of a training step.</summary>
/// <param name="network">The network.</param>
/// <param name="batch">The rows of a mini-batch.</param>
/// <param name="batches">How many there are, in turn: with more than one, none stays in the caches from step to step.</param>
internal sealed class StepWork(Network network, int batch, int batches = 4)
{
    private static readonly GradientClipping Clipping = GradientClipping.ByNorm(1f);

    private readonly (float[] Inputs, int[] Labels)[] _batches = [.. Enumerable.Range(0, batches).Select(seed => (
        FigureData.Values(batch * network.InputShape.Length, 10 + seed), FigureData.Labels(batch, network.OutputShape.Length, 20 + seed)))];

    private readonly Shape _inputShape = network.InputShape.Batch(batch);
    private int _next;

    /// <summary>A whole step.</summary>
    public Action Step(Optimizer settings, bool clips = false)
    {
        OptimizerState optimizer = settings.For(network.Parameters);
        return () =>
        {
            ForwardAndBackward();
            if (clips)
                Clipping.Apply(network.Parameters);
            optimizer.Step();
        };
    }

    /// <summary>Prints how long the parts of a step take.</summary>
    public void PrintParts(FigureRun run, string name)
    {
        // Steps so small that the weights stay what they are, however often they are taken.
        OptimizerState sgd = new Sgd { LearningRate = 1e-6f }.For(network.Parameters);
        OptimizerState adam = new Adam { LearningRate = 1e-6f }.For(network.Parameters);
        ForwardAndBackward(); // from here on there are gradients
        run.Time($"{name}.part.forward_loss", 1e6, "us", Forward);
        run.Time($"{name}.part.zero_grad_forward_loss_backward", 1e6, "us", ForwardAndBackward);
        run.Time($"{name}.part.sgd_step", 1e6, "us", sgd.Step);
        run.Time($"{name}.part.adam_step", 1e6, "us", adam.Step);
        run.Time($"{name}.part.clip_grad_norm", 1e6, "us", () => Clipping.Apply(network.Parameters));
    }

    private void Forward()
    {
        using var tape = new Tape(network.Device);
        Loss(tape);
    }

    private void ForwardAndBackward()
    {
        using var tape = new Tape(network.Device);
        Tensor loss = Loss(tape);
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
    }

    private Tensor Loss(Tape tape)
    {
        _next = (_next + 1) % _batches.Length;
        (float[] inputs, int[] labels) = _batches[_next];
        return Losses.CrossEntropy(network.Forward(tape.Input(inputs, _inputShape), training: true), labels);
    }
}
