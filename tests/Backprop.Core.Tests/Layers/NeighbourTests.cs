namespace Backprop.Tests;

/// <summary>A row of a batch is predicted with the same bits as alone, whatever the layers, and whichever kernels the sizes choose.</summary>
public class NeighbourTests
{
    public static TheoryData<string, Func<NetworkBuilder, NetworkBuilder>, int[]> Networks => new()
    {
        { "1x1", net => net.Conv2d(40, 1).Relu(), [8, 8, 24] }, // 64 pixels: two images are many enough for another kernel
        { "1x1 of deep sums", net => net.Conv2d(33, 1).Tanh(), [4, 4, 700] },
        { "1x1 of one pixel", net => net.Conv2d(64, 1).LeakyRelu(), [1, 1, 900] },
        { "1x1 of a signal", net => net.Conv1d(32, 1), [50, 520] },
        { "1x1 of large images", net => net.Conv2d(17, 1), [12, 13, 600] },
        { "3x3", net => net.Conv2d(32, 3, padding: 1).Relu().Conv2d(64, 3, stride: 2).BatchNorm().Relu(), [7, 6, 5] },
        { "3x3 of deep sums", net => net.Conv2d(20, 3, padding: 1), [5, 5, 130] },
        { "in groups", net => net.Conv2d(24, 3, padding: 1, groups: 4).DepthwiseConv2d(3, multiplier: 2), [6, 6, 8] },
        { "depthwise", net => net.DepthwiseConv2d(3, padding: 1).Gelu(), [6, 9, 35] },
        { "a signal", net => net.Conv1d(12, 5, padding: 2, dilation: 2), [40, 3] },
        { "pooling", net => net.MaxPool2d(2).AveragePool2d(3, 1, 1).AdaptiveAveragePool2d(2, 2).Upsample2d(2).GlobalAveragePool2d(), [9, 8, 19] },
        { "normalisation", net => net.BatchNorm().GroupNorm(3).Relu().LayerNorm(axes: 2).LayerNorm(), [5, 4, 12] },
        { "a block", net => net.Residual(block => block.Conv2d(18, 1).BatchNorm().Relu().Conv2d(40, 1).BatchNorm()).Relu().Flatten().Dense(9), [4, 8, 20] },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void ARowAloneHasTheBitsItHasAmongOthers(string name, Func<NetworkBuilder, NetworkBuilder> layers, int[] rowShape)
    {
        _ = name;
        const int Rows = 70; // more than are predicted at once
        foreach (Device device in KernelHarness.Processors.SelectMany(processor => processor.Devices.Take(2)))
        {
            Network network = Network.Build(layers, rowShape, seed: 2, device);
            int width = network.InputShape.Length, outputWidth = network.OutputShape.Length;
            float[] rows = Samples.Uniform(Rows * width, 1), together = new float[Rows * outputWidth];
            network.Predict(rows, together);
            foreach ((int first, int count) in ((int, int)[])[(0, 1), (1, 2), (5, 1), (40, 3), (63, 7), (69, 1)])
            {
                var apart = new float[count * outputWidth];
                network.Predict(rows.AsSpan(first * width, count * width), apart);
                Assert.True(KernelHarness.SameBits(together.AsSpan(first * outputWidth, apart.Length), apart), $"{device}, {count} rows from {first} on");
            }
        }
    }
}
