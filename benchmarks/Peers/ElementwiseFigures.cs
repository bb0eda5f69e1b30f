using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>The passes over memory of the engine's figures.</summary>
internal static class ElementwiseFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach ((string size, int length) in new[] { ("1M", 1 << 20), ("16M", 16 << 20) })
        {
            Functions(run, size, length);
            Optimizers(run, size, length);
        }
    }

    private static void Functions(FigureRun run, string size, int length)
    {
        using var noGradients = no_grad();
        using Tensor x = Libtorch.Values(1, length), y = Libtorch.Values(2, length), z = Libtorch.Values(3, length);
        Pass("relu", 8, () => nn.functional.relu(z).Dispose());
        Pass("relu_inplace", 8, () => x.relu_());
        Pass("sigmoid", 8, () => sigmoid(z).Dispose());
        Pass("tanh", 8, () => tanh(z).Dispose());
        Pass("gelu_erf", 8, () => nn.functional.gelu(z).Dispose());
        Pass("gelu_tanh", 8, () => nn.functional.gelu(z, TorchSharp.Modules.GELU.Approximate.tanh).Dispose());
        foreach (int columns in new[] { 10, 1024 })
        {
            using Tensor rows = z.slice(0, 0, length / columns * columns, 1).reshape(length / columns, columns);
            Pass($"softmax_rows_of_{columns}", 8, () => nn.functional.softmax(rows, 1).Dispose());
        }

        Pass("add_inplace_alpha", 12, () => y.add_(z, alpha: 1e-9));
        Pass("add_out_of_place", 12, () => x.add(z).Dispose());

        void Pass(string name, int bytes, Action work) => run.Bandwidth($"elementwise.{name}.{size}", (double)bytes * length, work);
    }

    private static void Optimizers(FigureRun run, string size, int length)
    {
        using var parameter = new TorchSharp.Modules.Parameter(Libtorch.Values(1, length));
        using Tensor gradient = Libtorch.Values(2, length);
        parameter.grad = gradient;
        Step("adam_step_28B", 28, optim.Adam([parameter], 1e-6));
        Step("sgd_step_12B", 12, optim.SGD([parameter], 1e-9));
        Step("sgd_momentum_step_20B", 20, optim.SGD([parameter], 1e-9, momentum: 0.9));
        run.Bandwidth($"elementwise.clip_grad_norm_8B.{size}", 8.0 * length, () =>
        {
            using DisposeScope scope = NewDisposeScope();
            nn.utils.clip_grad_norm_([parameter], 1.0);
        });

        void Step(string name, int bytes, optim.Optimizer optimizer)
        {
            using (optimizer)
            {
                run.Bandwidth($"elementwise.{name}.{size}", (double)bytes * length, () =>
                {
                    using DisposeScope scope = NewDisposeScope();
                    optimizer.step();
                });
            }
        }
    }
}
