using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>Predictions, the cost of recording an operation, and the first step of a process.</summary>
internal static class OtherFigures
{
    private const int Width = 784, Classes = 10;

    /// <summary>Prints the figures of predictions.</summary>
    public static void PrintPredictions(FigureRun run)
    {
        using nn.Module<Tensor, Tensor> network = Libtorch.SmallNetwork();
        network.eval();
        using var inference = inference_mode();
        foreach (int rows in new[] { 64, 1024 })
        {
            using Tensor inputs = Libtorch.Values(3, rows, Width);
            run.Rate($"infer.mlp.batch{rows}", rows, "rows/s", () => network.call(inputs).Dispose());
        }

        // From an array to an array, as a program that scores one row must.
        float[] row = FigureData.Values(Width, 3), scores = new float[Classes];
        run.TimeAndAllocation("infer.mlp.predict_row", 1e6, "us", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            network.call(tensor(row, [1, Width])).data<float>().CopyTo(scores);
        });
    }

    /// <summary>Prints the figures of the tape.</summary>
    public static void PrintTape(FigureRun run)
    {
        const int Nodes = 1000, Length = 16;
        using Tensor term = Libtorch.Values(1, Length), x = Libtorch.Values(1, Length).requires_grad_(true), ones = torch.ones(Length);
        Tensor Chain()
        {
            Tensor y = x;
            for (int node = 0; node < Nodes; node++)
                y = y.add(term);
            return y;
        }

        run.TimeAndAllocation("tape.add16.forward", 1e9 / Nodes, "ns", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            Chain();
        });
        run.TimeAndAllocation("tape.add16.forward_backward", 1e9 / Nodes, "ns", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            autograd.grad([Chain()], [x], [ones]);
        });
    }

    /// <summary>Prints the figure of a process's first step.</summary>
    public static void PrintStart(FigureRun run) => ProcessStart.Print(run, "cold.process_start_to_first_step_done", []);

    /// <summary>What the timed process does.</summary>
    public static void TakeFirstStep()
    {
        using nn.Module<Tensor, Tensor> network = Libtorch.SmallNetwork();
        using optim.Optimizer optimizer = optim.SGD(network.parameters(), 0.01);
        using TorchSharp.Modules.CrossEntropyLoss crossEntropy = nn.CrossEntropyLoss();
        using DisposeScope scope = NewDisposeScope();
        Tensor loss = crossEntropy.call(network.call(Libtorch.Values(1, 64, Width)), Libtorch.Labels(64, Classes, 2));
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        Console.WriteLine($"loss {loss.item<float>()}");
    }
}
