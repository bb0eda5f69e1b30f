using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>Whole training steps through the public engine API, and where the time of a step goes.</summary>
internal static class TrainingStepFigures
{
    private const int Classes = 10;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach (int batch in new[] { 32, 64, 128 })
        {
            string name = $"mlp.784-256-128-10.b{batch}";
            Steps(run, name, () => FigureNetworks.Small(device), batch, withClipping: batch > 32, [784, 256, 128, Classes]);
            if (batch == 64)
                Parts(run, name, () => FigureNetworks.Small(device), batch);
        }

        const string Wide = "mlp.784-3x1024-10.b256";
        Steps(run, Wide, () => FigureNetworks.Wide(device), 256, withClipping: true, [784, 1024, 1024, 1024, Classes]);
        Parts(run, Wide, () => FigureNetworks.Wide(device), 256);
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
                    run.Step(full, operations, new StepWork(build(), batch).Step(settings, clips));
            }
        }
    }

    private static void Parts(FigureRun run, string name, Func<Network> build, int batch)
    {
        if (run.Wants($"{name}.part"))
            new StepWork(build(), batch).PrintParts(run, name);
    }
}
