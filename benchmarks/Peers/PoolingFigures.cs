using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>What surrounds a convolution: pooling, ReLU and batch normalisation.</summary>
internal static class PoolingFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach ((int batch, int channels, int side) in new[] { (64, 32, 28), (32, 32, 224), (32, 64, 112), (128, 16, 32) })
        {
            string name = $"pool.n{batch}_c{channels}_{side}x{side}";
            if (run.Wants(name))
                Print(run, name, batch, channels, side);
        }
    }

    private static void Print(FigureRun run, string name, int batch, int channels, int side)
    {
        using Tensor x = Libtorch.Values(1, batch, channels, side, side), gamma = Libtorch.Values(5, channels), beta = Libtorch.Values(6, channels);
        using Tensor mean = zeros(channels), variance = ones(channels);
        Pass("relu", () => nn.functional.relu(x), x);
        Pass("maxpool2", () => nn.functional.max_pool2d(x, 2), x);
        Pass("batch_norm_training", () => nn.functional.batch_norm(x, mean, variance, gamma, beta, training: true), x, gamma, beta);
        if (side == 28)
        {
            Pass("maxpool3_stride2", () => nn.functional.max_pool2d(x, 3, 2, 1), x);
            Pass("averagepool2", () => nn.functional.avg_pool2d(x, 2), x);
        }

        FigureRun.PrintValue($"{name}.input.t{run.Threads}", 4.0 * batch * channels * side * side / (1 << 20), "MiB");

        void Pass(string pass, Func<Tensor> forward, params Tensor[] inputs)
        {
            using (no_grad())
                run.Time($"{name}.{pass}_forward", 1e3, "ms", () => forward().Dispose());
            foreach (Tensor input in inputs)
                input.requires_grad_(true);
            using Tensor y = forward(), gradient = Libtorch.Values(2, y.shape);
            run.Time($"{name}.{pass}_backward", 1e3, "ms", () =>
            {
                using DisposeScope scope = NewDisposeScope();
                autograd.grad([y], inputs, [gradient], retain_graph: true);
            });
            foreach (Tensor input in inputs)
                input.requires_grad_(false);
        }
    }
}
