using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Passes over memory: element-wise functions, softmax, and optimizer steps, in the caches and outside.</summary>
internal static class ElementwiseFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach ((string size, int length) in new[] { ("1M", 1 << 20), ("16M", 16 << 20) })
        {
            Functions(run, device, size, length);
            device.Buffers.Trim();
            Optimizers(run, device, size, length);
            device.Buffers.Trim();
        }

        device.Workers.Dispose();
    }

    private static void Functions(FigureRun run, CpuDevice device, string size, int length)
    {
        MemoryBlock x = device.Block(length, 1), y = device.Block(length, 2), z = device.Block(length, 3);
        Activate("relu", ActivationKind.Relu, y);
        Activate("relu_inplace", ActivationKind.Relu, x);
        Activate("sigmoid", ActivationKind.Sigmoid, y);
        Activate("tanh", ActivationKind.Tanh, y);
        Activate("gelu_erf", ActivationKind.Gelu, y);
        Activate("gelu_tanh", ActivationKind.GeluTanh, y);
        foreach (int columns in new[] { 10, 1024 })
        {
            var rows = new AxisLayout(length / columns, columns, 1);
            run.Bandwidth($"elementwise.softmax_rows_of_{columns}.{size}", 8.0 * rows.Length, () => device.Softmax(rows, logarithm: false, z, y));
        }

        run.Bandwidth($"elementwise.add_inplace_alpha.{size}", 12.0 * length, () => device.Scale(1e-9f, z, y, length, accumulate: true));
        run.Bandwidth($"elementwise.add_out_of_place.{size}", 12.0 * length, () => device.Add(x, z, y, length));
        foreach (MemoryBlock block in new[] { x, y, z })
            device.Return(block);

        // ReLU in place would leave nothing below zero for those after it: they read z.
        void Activate(string name, ActivationKind kind, MemoryBlock output)
        {
            MemoryBlock input = output == x ? x : z;
            run.Bandwidth($"elementwise.{name}.{size}", 8.0 * length, () => device.Activate(new Activation(kind), input, output, length));
        }
    }

    private static void Optimizers(FigureRun run, CpuDevice device, string size, int length)
    {
        var parameter = new Parameter("weight", ParameterKind.Weight, [length], device);
        parameter.Value.SetValues(FigureData.Values(length, 1));
        parameter.SetGradient(FigureData.Values(length, 2));
        var parameters = new ParameterCollection([parameter]);
        Step("adam_step_28B", 28, new Adam { LearningRate = 1e-6f });
        Step("sgd_step_12B", 12, new Sgd { LearningRate = 1e-9f });
        Step("sgd_momentum_step_20B", 20, new Sgd { LearningRate = 1e-9f, Momentum = 0.9f });

        // A gradient within the bound is left alone, which would be half of the work: so the bound shrinks a little each time.
        double bound = GradientClipping.ByNorm(float.MaxValue).Apply(parameters);
        run.Bandwidth($"elementwise.clip_grad_norm_8B.{size}", 8.0 * length, () =>
            GradientClipping.ByNorm((float)(bound *= 0.9999)).Apply(parameters));

        void Step(string name, int bytes, Optimizer settings)
        {
            OptimizerState optimizer = settings.For(parameters);
            run.Bandwidth($"elementwise.{name}.{size}", (double)bytes * length, optimizer.Step);
        }
    }
}
