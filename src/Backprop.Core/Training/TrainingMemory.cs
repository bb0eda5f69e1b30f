using Backprop.Layers;

namespace Backprop;

/// <summary>
/// About how much memory of the device a training run takes, known before it starts: what the parameters need whatever
/// the batch, and what each row of a mini-batch adds.
/// </summary>
/// <param name="FixedBytes">Parameters, their gradients and what the optimizer keeps of them.</param>
/// <param name="BytesPerRow">Inputs, activations and their gradients of one row.</param>
/// <param name="BatchSize">The rows of a mini-batch.</param>
public sealed record TrainingMemory(long FixedBytes, long BytesPerRow, int BatchSize)
{
    // Buffers come in sizes a quarter apart, so up to a quarter of what was asked for is added.
    private const double RoundingAllowance = 1.25;

    /// <summary>All of it.</summary>
    public long TotalBytes => FixedBytes + BytesPerRow * BatchSize;

    /// <summary>Estimates the memory that training a network takes.</summary>
    /// <param name="network">The network.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="batchSize">The rows of a mini-batch; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch has no row.</exception>
    public static TrainingMemory Estimate(Network network, Optimizer optimizer, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        long parameters = network.Parameters.Sum(parameter =>
            (long)parameter.Shape.Length * (parameter.IsTrainable ? 2 + optimizer.KeptValuesPerValue : 1));
        long kept = network.InputShape.Length, largestGradients = 0;
        foreach (Layer layer in network.Layers)
        {
            kept += layer.KeptValuesPerRow;
            largestGradients = Math.Max(largestGradients, layer.WorkingValuesPerRow);
        }

        return new TrainingMemory(Bytes(parameters + network.FoldedValues), Bytes(kept + largestGradients + network.OutputShape.Length), batchSize);
    }

    /// <summary>Fails if a run does not fit into what its device may still use.</summary>
    /// <exception cref="InsufficientMemoryException">It does not; the message names the batch size that would.</exception>
    internal void Check(Device device, ParameterCollection parameters)
    {
        long present = parameters.Sum(parameter => (long)parameter.Shape.Length * sizeof(float)); // the parameters are there already
        MemoryStatistics memory = device.Memory;
        if (TotalBytes > memory.Limit - memory.BytesInUse + present)
        {
            GC.Collect(); // networks nobody uses any more hold their memory until then
            GC.WaitForPendingFinalizers();
            memory = device.Memory;
        }

        long available = memory.Limit - memory.BytesInUse + present;
        if (TotalBytes <= available)
            return;
        long fitting = BytesPerRow == 0 ? 0 : (available - FixedBytes) / BytesPerRow;
        throw new InsufficientMemoryException(
            $"Training with batch size {BatchSize} takes about {TotalBytes:N0} bytes, but {device} may use only {available:N0} more of its limit of {memory.Limit:N0}. " +
            (fitting >= 1 ? $"A batch size of {fitting} fits; GradientAccumulationSteps makes up for the smaller batch." : "Not even one row fits: make the network smaller, or raise Device.MemoryLimit."));
    }

    private static long Bytes(long values) => (long)(values * sizeof(float) * RoundingAllowance);
}
