using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>The matrix product: squares, the three products of a dense layer, and one row by a matrix.</summary>
internal static class MatMulFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach (int size in new[] { 256, 512, 1024, 2048 })
        {
            if (run.Wants($"gemm.fp32.square{size}"))
                Product(run, $"gemm.fp32.square{size}.mm", device, size, size, size);
        }

        foreach ((int batch, int inputs, int outputs) in new[] { (64, 784, 256), (128, 784, 256), (64, 256, 128), (64, 128, 10) })
        {
            // The names say what PyTorch's layer computes, which keeps its weight as [outputs, inputs]. Ours is [inputs,
            // outputs], so that the forward product has nothing transposed (NN), the second xᵀ·dy (TN), the third dy·Wᵀ (NT).
            string name = $"gemm.fp32.{batch}x{inputs}x{outputs}";
            if (!run.Wants(name))
                continue;
            Product(run, $"{name}.forward_x_wT", device, batch, outputs, inputs);
            Product(run, $"{name}.dW_dyT_x", device, inputs, outputs, batch, transposeA: true);
            Product(run, $"{name}.dX_dy_w", device, batch, inputs, outputs, transposeB: true);
        }

        device.Workers.Dispose();
        device.Buffers.Trim();
    }

    /// <summary>Prints the figures of one row by a matrix.</summary>
    public static void PrintRow(FigureRun run)
    {
        // Every weight is read for two operations: memory is the limit, first the second-level cache, then the DRAM.
        CpuDevice device = EngineData.Device(run.Threads);
        Row(run, device, 784, 256);
        Row(run, device, 8192, 4096);
        device.Workers.Dispose();
        device.Buffers.Trim();
    }

    private static void Product(FigureRun run, string name, CpuDevice device, int m, int n, int k, bool transposeA = false, bool transposeB = false)
    {
        MatMulArguments arguments = new(device.Block(m * k, 1), device.Block(k * n, 2), device.Block(m * n, 3), m, n, k)
        {
            TransposeA = transposeA,
            TransposeB = transposeB,
        };
        run.Rate(name, 2.0 * m * n * k / 1e9, "GFLOP/s", () => device.MatMul(arguments));
        Return(device, arguments);
    }

    private static void Row(FigureRun run, CpuDevice device, int inputs, int outputs)
    {
        string name = $"gemv.fp32.{inputs}x{outputs}";
        if (!run.Wants(name))
            return;
        MatMulArguments forward = new(device.Block(inputs, 1), device.Block(inputs * outputs, 2), device.Block(outputs, 3), 1, outputs, inputs);
        run.Rate($"{name}.forward_x_wT", 4.0 * inputs * outputs / 1e9, "GB/s", () => device.MatMul(forward));
        MatMulArguments backward = new(forward.C, forward.B, forward.A, 1, inputs, outputs) { TransposeB = true };
        run.Rate($"{name}.dX_dy_w", 4.0 * inputs * outputs / 1e9, "GB/s", () => device.MatMul(backward));
        Return(device, forward);
    }

    private static void Return(CpuDevice device, in MatMulArguments arguments)
    {
        foreach (MemoryBlock block in new[] { arguments.A, arguments.B, arguments.C })
            device.Return(block);
    }
}
