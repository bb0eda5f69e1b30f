using Backprop.Benchmarks.Figures;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>The matrix products of the engine's figures.</summary>
internal static class MatMulFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        using var noGradients = no_grad();
        foreach (int size in new[] { 256, 512, 1024, 2048 })
        {
            using Tensor a = Libtorch.Values(1, size, size), b = Libtorch.Values(2, size, size);
            run.Rate($"gemm.fp32.square{size}.mm", 2.0 * size * size * size / 1e9, "GFLOP/s", () => mm(a, b).Dispose());
        }

        foreach ((int batch, int inputs, int outputs) in new[] { (64, 784, 256), (128, 784, 256), (64, 256, 128), (64, 128, 10) })
            Layer(run, $"gemm.fp32.{batch}x{inputs}x{outputs}", batch, inputs, outputs, "GFLOP/s", 2.0 * batch * inputs * outputs);
    }

    /// <summary>Prints the figures of one row by a matrix.</summary>
    public static void PrintRow(FigureRun run)
    {
        using var noGradients = no_grad();
        foreach ((int inputs, int outputs) in new[] { (784, 256), (8192, 4096) })
            Layer(run, $"gemv.fp32.{inputs}x{outputs}", 1, inputs, outputs, "GB/s", 4.0 * inputs * outputs);
    }

    private static void Layer(FigureRun run, string name, int batch, int inputs, int outputs, string unit, double work)
    {
        if (!run.Wants(name))
            return;
        using Tensor x = Libtorch.Values(1, batch, inputs), w = Libtorch.Values(2, outputs, inputs), dy = Libtorch.Values(3, batch, outputs);
        using Tensor wT = w.t(), dyT = dy.t();
        run.Rate($"{name}.forward_x_wT", work / 1e9, unit, () => mm(x, wT).Dispose());
        if (batch > 1)
            run.Rate($"{name}.dW_dyT_x", work / 1e9, unit, () => mm(dyT, x).Dispose());
        run.Rate($"{name}.dX_dy_w", work / 1e9, unit, () => mm(dy, w).Dispose());
    }
}
