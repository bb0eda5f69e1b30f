using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>Whole training steps through the public engine API, and where the time of a step goes.</summary>
internal static class TrainingStepFigures
{
    private const int Classes = 10;
    private static readonly GradientClipping Clipping = GradientClipping.ByNorm(1f);

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach (int batch in new[] { 32, 64, 128 })
        {
            string name = $"mlp.784-256-128-10.b{batch}";
            Steps(run, name, () => EngineData.SmallNetwork(device), batch, withClipping: batch > 32, [784, 256, 128, Classes]);
            if (batch == 64)
                Parts(run, name, () => EngineData.SmallNetwork(device), batch);
        }

        const string Wide = "mlp.784-3x1024-10.b256";
        Steps(run, Wide, () => EngineData.WideNetwork(device), 256, withClipping: true, [784, 1024, 1024, 1024, Classes]);
        Parts(run, Wide, () => EngineData.WideNetwork(device), 256);
        device.Workers.Dispose();
        device.Buffers.Trim();
    }

    private static void Steps(FigureRun run, string name, Func<Network> build, int batch, bool withClipping, int[] widths)
    {
        // The first layer needs no gradient of its input; every other product is done forward and twice backward.
        double operations = 0;
        for (int layer = 1; layer < widths.Length; layer++)
            operations += (layer == 1 ? 4.0 : 6.0) * batch * widths[layer - 1] * widths[layer];

        foreach ((string optimizer, Optimizer settings) in new (string, Optimizer)[] { ("sgd", new Sgd()), ("adam", new Adam()) })
        {
            foreach (bool clips in withClipping ? [false, true] : new[] { false })
            {
                string full = $"{name}.{optimizer}{(clips ? ".clip" : "")}";
                if (run.Wants(full))
                    run.Step(full, operations, Step(build(), settings, clips, new Batches(batch)));
            }
        }
    }

    private static Action Step(Network network, Optimizer settings, bool clips, Batches batches)
    {
        OptimizerState optimizer = settings.For(network.Parameters);
        return () =>
        {
            ForwardAndBackward(network, batches);
            if (clips)
                Clipping.Apply(network.Parameters);
            optimizer.Step();
        };
    }

    private static void ForwardAndBackward(Network network, Batches batches)
    {
        (float[] inputs, int[] labels) = batches.Next();
        using var tape = new Tape(network.Device);
        Tensor logits = network.Forward(tape.Input(inputs, [labels.Length, 784]), training: true);
        Tensor loss = Losses.CrossEntropy(logits, labels);
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
    }

    private static void Parts(FigureRun run, string name, Func<Network> build, int batch)
    {
        if (!run.Wants($"{name}.part"))
            return;
        Network network = build();
        var batches = new Batches(batch);
        // Steps so small that the weights stay what they are, however often they are taken.
        OptimizerState sgd = new Sgd { LearningRate = 1e-6f }.For(network.Parameters);
        OptimizerState adam = new Adam { LearningRate = 1e-6f }.For(network.Parameters);
        ForwardAndBackward(network, batches); // from here on there are gradients
        run.Time($"{name}.part.forward_loss", 1e6, "us", () =>
        {
            (float[] inputs, int[] labels) = batches.Next();
            using var tape = new Tape(network.Device);
            Losses.CrossEntropy(network.Forward(tape.Input(inputs, [labels.Length, 784]), training: true), labels);
        });
        run.Time($"{name}.part.zero_grad_forward_loss_backward", 1e6, "us", () => ForwardAndBackward(network, batches));
        run.Time($"{name}.part.sgd_step", 1e6, "us", sgd.Step);
        run.Time($"{name}.part.adam_step", 1e6, "us", adam.Step);
        run.Time($"{name}.part.clip_grad_norm", 1e6, "us", () => Clipping.Apply(network.Parameters));
    }

    /// <summary>A few mini-batches in turn, so that not one stays in the caches from step to step.</summary>
    private sealed class Batches(int size)
    {
        private readonly (float[] Inputs, int[] Labels)[] _batches = [.. Enumerable.Range(0, 4).Select(seed =>
            (FigureData.Values(size * 784, 10 + seed), FigureData.Labels(size, Classes, 20 + seed)))];

        private int _next;

        public (float[] Inputs, int[] Labels) Next()
        {
            _next = (_next + 1) % _batches.Length;
            return _batches[_next];
        }
    }
}
