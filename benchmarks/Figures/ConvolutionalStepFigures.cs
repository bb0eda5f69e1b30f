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

    private static StepWork Work(CpuDevice device, ConvolutionalNetwork network) => new(Build(device, network), network.Batch, network.Batches);

    /// <summary>The network of that name, with weights of its own.</summary>
    public static Network Build(CpuDevice device, ConvolutionalNetwork network)
    {
        Shape image = [network.Size, network.Size, network.Channels];
        if (network == ConvolutionalNetwork.ResNet14)
        {
            return Network.Build(
                net => Blocks(net.Conv2d(16, 3, padding: 1, useBias: false).BatchNorm().Relu(), 16, 16, 32, 32, 64, 64).GlobalAveragePool2d().Dense(ConvolutionalNetwork.Classes),
                image, seed: 1, device);
        }

        int hidden = network == ConvolutionalNetwork.LeNet28 ? 128 : 512;
        return Network.Build(
            net => net.Conv2d(32, 3, padding: 1).Relu().MaxPool2d(2).Conv2d(64, 3, padding: 1).Relu().MaxPool2d(2).Flatten().Dense(hidden).Relu().Dense(ConvolutionalNetwork.Classes),
            image, seed: 1, device);
    }

    private static NetworkBuilder Blocks(NetworkBuilder net, params int[] filters)
    {
        // A block with more channels than the one before begins a stage: it halves the images, and projects past itself.
        int before = filters[0];
        foreach (int count in filters)
        {
            int stride = count == before ? 1 : 2;
            net = net.Residual(block => block
                .Conv2d(count, 3, stride, padding: 1, useBias: false).BatchNorm().Relu()
                .Conv2d(count, 3, padding: 1, useBias: false).BatchNorm()).Relu();
            before = count;
        }

        return net;
    }
}
