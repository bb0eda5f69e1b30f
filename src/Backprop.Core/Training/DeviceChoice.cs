using System.Globalization;
using Backprop.Layers;

namespace Backprop.Training;

/// <summary>
/// Whether a training gains from a GPU. A GPU computes far faster than the processor, but every kernel must be launched, so it
/// gains only where a mini-batch is a lot of work.
/// </summary>
/// <remarks>
/// The rates are orders of magnitude, not measurements of this machine: what a core does in the engine's products, what a GPU does in
/// its own, and what a launch costs the host. Backward takes twice the work of forward.
/// </remarks>
internal static class DeviceChoice
{
    private const double ProcessorRatePerCore = 5e10, GpuRate = 5e12, SecondsPerLaunch = 1e-5;
    private const int LaunchesPerLayer = 12, PassesPerStep = 3, OperationsPerProduct = 2;

    // Weights must be moved and kernels compiled: a small gain is none.
    private const double SmallestGain = 2;

    /// <summary>The floating-point operations of a training step.</summary>
    public static double WorkPerStep(Network network, int batchSize)
    {
        double products = 0;
        foreach (Layer layer in Network.AllLayers(network.Layers.ToArray()))
        {
            if (layer.Inner.Any())
                continue;
            // Every weight meets every place of the output's axes in front of its channels: pixels, or the one row.
            Shape output = layer.OutputShape;
            double places = output.Rank > 1 && output[output.Rank - 1] > 0 ? output.Length / (double)output[output.Rank - 1] : 1;
            products += places * layer.Parameters.Where(parameter => parameter.Kind == ParameterKind.Weight).Sum(parameter => (double)parameter.Shape.Length);
        }

        return products * batchSize * OperationsPerProduct * PassesPerStep;
    }

    /// <summary>Whether a GPU is estimated to gain on a processor with so many threads, and why, for the log.</summary>
    public static bool Gains(Network network, int batchSize, int threads, out string reason)
    {
        double work = WorkPerStep(network, batchSize);
        int layers = Network.AllLayers(network.Layers.ToArray()).Count();
        double processor = work / (ProcessorRatePerCore * threads), gpu = work / GpuRate + SecondsPerLaunch * LaunchesPerLayer * layers;
        bool gains = processor > SmallestGain * gpu;
        reason = string.Create(CultureInfo.InvariantCulture,
            $"a mini-batch of {batchSize} rows is about {work / 1e9:0.###} GFLOP, estimated at {processor * 1e3:0.###} ms on {threads} threads and {gpu * 1e3:0.###} ms on a GPU");
        return gains;
    }
}
