using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>Whole training steps of convolutional networks through the public engine API, their parts, and their memory.</summary>
internal static class ConvolutionalStepFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach (ConvolutionalNetwork network in ConvolutionalNetwork.All)
        {
            CpuDevice device = EngineData.Device(run.Threads);
            Step(run, device, network, "sgd", new Sgd());
            if (network == ConvolutionalNetwork.LeNet28)
                Step(run, device, network, "adam", new Adam());
            if (run.Wants($"{network.Name}.part"))
                Work(device, network).PrintParts(run, network.Name);
            device.Workers.Dispose();
            device.Buffers.Trim();
            GC.Collect(); // the parameters of this network
        }
    }

    /// <summary>What the process does whose memory is measured.</summary>
    public static void TakeSteps(int threads, string name)
    {
        CpuDevice device = EngineData.Device(threads);
        Action step = Work(device, ConvolutionalNetwork.All.Single(network => network.Name == name)).Step(new Sgd());
        PeakMemory.Print(step, ("pool_peak", () => device.Memory.PeakBytesInUse));
    }

    private static void Step(FigureRun run, CpuDevice device, ConvolutionalNetwork network, string optimizer, Optimizer settings)
    {
        string name = $"{network.Name}.{optimizer}";
        if (!run.Wants(name))
            return;
        run.ImageStep(name, network.Batch, network.Operations, Work(device, network).Step(settings));
        if (optimizer == "sgd")
            PeakMemory.Print(run, name, ["figures"], network.Name);
    }

    private static StepWork Work(CpuDevice device, ConvolutionalNetwork network) => new(FigureNetworks.Convolutional(device, network), network.Batch, network.Batches);
}
