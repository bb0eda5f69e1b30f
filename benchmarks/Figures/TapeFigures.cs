using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>What recording an operation costs: a chain of additions so small that the arithmetic hardly counts.</summary>
internal static class TapeFigures
{
    private const int Nodes = 1000, Length = 16;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        float[] values = FigureData.Values(Length, 1);

        // Per node, so 10⁹ ns divided by the nodes of a call.
        run.TimeAndAllocation("tape.add16.forward", 1e9 / Nodes, "ns", () =>
        {
            using var tape = new Tape(device);
            Chain(tape, values);
        });
        run.TimeAndAllocation("tape.add16.forward_backward", 1e9 / Nodes, "ns", () =>
        {
            using var tape = new Tape(device);
            tape.Backward(Chain(tape, values), values);
        });

        // The part of it that is the addition itself.
        MemoryBlock a = device.Block(Length, 1), b = device.Block(Length, 2);
        run.Time("tape.add16.kernel_alone", 1e9 / Nodes, "ns", () =>
        {
            for (int node = 0; node < Nodes; node++)
                device.Add(a, b, a, Length);
        });
        device.Workers.Dispose();
    }

    private static Tensor Chain(Tape tape, float[] values)
    {
        Tensor x = tape.Input(values, [Length], requiresGradient: true), term = tape.Input(values, [Length]);
        for (int node = 0; node < Nodes; node++)
            x = x.Add(term);
        return x;
    }
}
