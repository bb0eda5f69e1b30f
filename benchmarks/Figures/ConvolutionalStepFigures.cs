using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>Whole training steps of convolutional networks through the public engine API, and the memory they take at most.</summary>
internal static class ConvolutionalStepFigures
{
    private const int Classes = 10;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        double lenet = 2 * Convolution(64, 1, 32, 28, 3) + 3 * (Convolution(64, 32, 64, 14, 3) + 2.0 * 64 * 3136 * 128 + 2.0 * 64 * 128 * Classes);
        foreach ((string optimizer, Optimizer settings) in new (string, Optimizer)[] { ("sgd", new Sgd()), ("adam", new Adam()) })
        {
            Step(run, $"cnn.lenet28.b64.{optimizer}", 64, 1, 28, batches: 4, lenet, settings, net => net
                .Conv2d(32, 3, padding: 1).Relu().MaxPool2d(2)
                .Conv2d(64, 3, padding: 1).Relu().MaxPool2d(2)
                .Flatten().Dense(128).Relu().Dense(Classes));
        }

        double cnn = 2 * Convolution(32, 3, 32, 224, 3) + 3 * (Convolution(32, 32, 64, 112, 3) + 2.0 * 32 * 200_704 * 512 + 2.0 * 32 * 512 * Classes);
        Step(run, "cnn.cnn224.b32.sgd", 32, 3, 224, batches: 1, cnn, new Sgd(), net => net
            .Conv2d(32, 3, padding: 1).Relu().MaxPool2d(2)
            .Conv2d(64, 3, padding: 1).Relu().MaxPool2d(2)
            .Flatten().Dense(512).Relu().Dense(Classes));

        const int Images = 128;
        double rest = 4 * Convolution(Images, 16, 16, 32, 3)
            + Convolution(Images, 16, 32, 16, 3) + 3 * Convolution(Images, 32, 32, 16, 3) + Convolution(Images, 16, 32, 16, 1)
            + Convolution(Images, 32, 64, 8, 3) + 3 * Convolution(Images, 64, 64, 8, 3) + Convolution(Images, 32, 64, 8, 1) + 2.0 * Images * 64 * Classes;
        Step(run, "cnn.resnet14_32.b128.sgd", Images, 3, 32, batches: 2, 2 * Convolution(Images, 3, 16, 32, 3) + 3 * rest, new Sgd(), ResNet14);
    }

    /// <summary>Three stages of two residual blocks, of 16, 32 and 64 channels. He et al. 2016, section 4.2.</summary>
    private static NetworkBuilder ResNet14(NetworkBuilder net)
    {
        net = net.Conv2d(16, 3, padding: 1, useBias: false).BatchNorm().Relu();
        foreach ((int channels, int stride) in new[] { (16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1) })
        {
            net = net.Residual(block => block
                .Conv2d(channels, 3, stride: stride, padding: 1, useBias: false).BatchNorm().Relu()
                .Conv2d(channels, 3, padding: 1, useBias: false).BatchNorm()).Relu();
        }
        return net.GlobalAveragePool2d().Dense(Classes);
    }

    /// <summary>The operations of a forward convolution with padding and a result of this size.</summary>
    private static double Convolution(int images, int channels, int filters, int size, int kernel) =>
        2.0 * images * filters * size * size * channels * kernel * kernel;

    private static void Step(
        FigureRun run, string name, int images, int channels, int size, int batches, double operations, Optimizer settings, Func<NetworkBuilder, NetworkBuilder> layers)
    {
        if (!run.Wants(name))
            return;
        CpuDevice device = EngineData.Device(run.Threads); // its own, so that the memory is this network's
        Network network = Network.Build(layers, [size, size, channels], seed: 1, device);
        OptimizerState optimizer = settings.For(network.Parameters);
        float[][] inputs = [.. Enumerable.Range(0, batches).Select(seed => FigureData.Values(images * size * size * channels, 50 + seed))];
        int[][] labels = [.. Enumerable.Range(0, batches).Select(seed => FigureData.Labels(images, Classes, 60 + seed))];
        int next = 0;
        run.Step(name, operations, () =>
        {
            next = (next + 1) % batches;
            using var tape = new Tape(device);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(inputs[next], [images, size, size, channels]), training: true), labels[next]);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        });
        FigureRun.PrintValue($"{name}.buffers_peak.t{run.Threads}", device.Memory.PeakBytesInUse / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.vmhwm.t{run.Threads}", PeakWorkingSet() / 1048576.0, "MiB");
        device.Workers.Dispose();
        device.Buffers.Trim();
    }

    /// <summary>The most physical memory that the process has had: of this network alone only where it is the only one of the run.</summary>
    private static long PeakWorkingSet()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
