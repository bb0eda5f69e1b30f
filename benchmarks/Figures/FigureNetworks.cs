namespace Backprop.Benchmarks.Figures;

/// <summary>The networks of the figures, with weights of their own, on any device.</summary>
internal static class FigureNetworks
{
    /// <summary>The small network of the figures: 784-256-128-10.</summary>
    public static Network Small(Device device) =>
        Network.Build(net => net.Dense(256).Relu().Dense(128).Relu().Dense(10), [784], seed: 1, device);

    /// <summary>The wide one: 784 and three layers of 1024.</summary>
    public static Network Wide(Device device) =>
        Network.Build(net => net.Dense(1024).Relu().Dense(1024).Relu().Dense(1024).Relu().Dense(10), [784], seed: 1, device);

    /// <summary>A convolutional one.</summary>
    public static Network Convolutional(Device device, ConvolutionalNetwork network)
    {
        Shape image = [network.Size, network.Size, network.Channels];
        if (network.Hidden is { } hidden)
        {
            return Network.Build(
                net => net.Conv2d(32, 3, padding: 1).Relu().MaxPool2d(2).Conv2d(64, 3, padding: 1).Relu().MaxPool2d(2).Flatten().Dense(hidden).Relu().Dense(ConvolutionalNetwork.Classes),
                image, seed: 1, device);
        }

        return Network.Build(
            net => Blocks(net.Conv2d(16, 3, padding: 1, useBias: false).BatchNorm().Relu(), 16, 16, 32, 32, 64, 64).GlobalAveragePool2d().Dense(ConvolutionalNetwork.Classes),
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
