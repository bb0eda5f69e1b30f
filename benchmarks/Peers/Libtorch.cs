using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>Tensors and networks of libtorch with the values of the engine's figures.</summary>
internal static class Libtorch
{
    /// <summary>Values in [−1, 1).</summary>
    public static Tensor Values(int seed, params long[] shape) =>
        tensor(FigureData.Values((int)shape.Aggregate(1L, (product, length) => product * length), seed)).reshape(shape);

    /// <summary>Labels from 0 to classes − 1.</summary>
    public static Tensor Labels(int length, int classes, int seed) =>
        tensor(FigureData.Labels(length, classes, seed).Select(label => (long)label).ToArray());

    /// <summary>784-256-128-10.</summary>
    public static nn.Module<Tensor, Tensor> SmallNetwork() => Network(784, 256, 128, 10);

    /// <summary>784 and three layers of 1024.</summary>
    public static nn.Module<Tensor, Tensor> WideNetwork() => Network(784, 1024, 1024, 1024, 10);

    private static TorchSharp.Modules.Sequential Network(params long[] widths)
    {
        var layers = new List<(string, nn.Module<Tensor, Tensor>)>();
        for (int i = 1; i < widths.Length; i++)
        {
            layers.Add(($"dense{i}", nn.Linear(widths[i - 1], widths[i])));
            if (i + 1 < widths.Length)
                layers.Add(($"relu{i}", nn.ReLU()));
        }

        return nn.Sequential(layers);
    }
}
