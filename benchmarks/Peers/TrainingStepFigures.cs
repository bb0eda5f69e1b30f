using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>The training steps of the engine's figures.</summary>
internal static class TrainingStepFigures
{
    private const int Classes = 10;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach (int batch in new[] { 32, 64, 128 })
        {
            string name = $"mlp.784-256-128-10.b{batch}";
            Steps(run, name, Libtorch.SmallNetwork, batch, withClipping: batch > 32, [784, 256, 128, Classes]);
            if (batch == 64)
                Parts(run, name, Libtorch.SmallNetwork, batch);
        }

        const string Wide = "mlp.784-3x1024-10.b256";
        Steps(run, Wide, Libtorch.WideNetwork, 256, withClipping: true, [784, 1024, 1024, 1024, Classes]);
        Parts(run, Wide, Libtorch.WideNetwork, 256);
    }

    private static void Steps(FigureRun run, string name, Func<nn.Module<Tensor, Tensor>> build, int batch, bool withClipping, int[] widths)
    {
        double operations = 0;
        for (int layer = 1; layer < widths.Length; layer++)
            operations += (layer == 1 ? 4.0 : 6.0) * batch * widths[layer - 1] * widths[layer];

        foreach (bool isAdam in new[] { false, true })
        {
            foreach (bool clips in withClipping ? [false, true] : new[] { false })
            {
                string full = $"{name}.{(isAdam ? "adam" : "sgd")}{(clips ? ".clip" : "")}";
                if (run.Wants(full))
                    Step(run, full, build, batch, operations, isAdam, clips, dropsGradients: false);
            }
        }

        // Dropping the gradients, PyTorch's default, saves filling them with zeros, TorchSharp's.
        if (run.Wants($"{name}.sgd.grad_none"))
            Step(run, $"{name}.sgd.grad_none", build, batch, operations, isAdam: false, clips: false, dropsGradients: true);
    }

    private static void Step(FigureRun run, string name, Func<nn.Module<Tensor, Tensor>> build, int batch, double operations, bool isAdam, bool clips, bool dropsGradients)
    {
        manual_seed(1);
        using nn.Module<Tensor, Tensor> network = build();
        using TorchSharp.Modules.CrossEntropyLoss crossEntropy = nn.CrossEntropyLoss();
        TorchSharp.Modules.Parameter[] parameters = [.. network.parameters()];
        using optim.Optimizer optimizer = isAdam ? optim.Adam(parameters, 1e-3) : optim.SGD(parameters, 0.01);
        var batches = new Batches(batch);
        run.Step(name, operations, () =>
        {
            using DisposeScope scope = NewDisposeScope();
            if (dropsGradients)
                network.zero_grad(set_to_none: true);
            else
                optimizer.zero_grad();
            (Tensor inputs, Tensor labels) = batches.Next();
            crossEntropy.call(network.call(inputs), labels).backward();
            if (clips)
                nn.utils.clip_grad_norm_(parameters, 1.0);
            optimizer.step();
        });
    }

    private static void Parts(FigureRun run, string name, Func<nn.Module<Tensor, Tensor>> build, int batch)
    {
        if (!run.Wants($"{name}.part"))
            return;
        manual_seed(1);
        using nn.Module<Tensor, Tensor> network = build();
        using TorchSharp.Modules.CrossEntropyLoss crossEntropy = nn.CrossEntropyLoss();
        TorchSharp.Modules.Parameter[] parameters = [.. network.parameters()];
        using optim.Optimizer sgd = optim.SGD(parameters, 1e-6), adam = optim.Adam(parameters, 1e-6);
        var batches = new Batches(batch);

        void Time(string part, Action work) => run.Time($"{name}.part.{part}", 1e6, "us", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            work();
        });

        Tensor Loss()
        {
            (Tensor inputs, Tensor labels) = batches.Next();
            return crossEntropy.call(network.call(inputs), labels);
        }

        Loss().backward(); // from here on there are gradients
        Time("forward_loss", () => Loss());
        Time("zero_grad_forward_loss_backward", () =>
        {
            sgd.zero_grad();
            Loss().backward();
        });
        Time("sgd_step", () => sgd.step());
        Time("adam_step", () => adam.step());
        Time("clip_grad_norm", () => nn.utils.clip_grad_norm_(parameters, 1.0));
    }

    private sealed class Batches(int size)
    {
        private readonly (Tensor Inputs, Tensor Labels)[] _batches = [.. Enumerable.Range(0, 4).Select(seed =>
            (Libtorch.Values(10 + seed, size, 784), Libtorch.Labels(size, Classes, 20 + seed)))];

        private int _next;

        public (Tensor Inputs, Tensor Labels) Next()
        {
            _next = (_next + 1) % _batches.Length;
            return _batches[_next];
        }
    }
}
