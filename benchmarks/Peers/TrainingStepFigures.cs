using Backprop.Benchmarks.Figures;
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
        using StepWork work = Work(build, batch);
        run.Step(name, operations, work.Step(isAdam, clips, dropsGradients));
    }

    private static void Parts(FigureRun run, string name, Func<nn.Module<Tensor, Tensor>> build, int batch)
    {
        if (!run.Wants($"{name}.part"))
            return;
        using StepWork work = Work(build, batch);
        work.PrintParts(run, name);
    }

    private static StepWork Work(Func<nn.Module<Tensor, Tensor>> build, int batch) => new(build, Classes, batches: 4, batch, 784);
}
