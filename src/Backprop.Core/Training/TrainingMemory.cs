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
    /// <summary>All of it.</summary>
    public long TotalBytes => FixedBytes + BytesPerRow * BatchSize;

    /// <summary>Which activations are kept, as counted here: what <see cref="CheckpointPolicy.Auto"/> came to.</summary>
    public CheckpointPolicy Checkpointing { get; init; }

    /// <summary>Estimates the memory that training a network takes.</summary>
    /// <param name="network">The network.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="batchSize">The rows of a mini-batch; at least 1.</param>
    /// <param name="checkpointing">Which activations are kept. Default: all.</param>
    /// <param name="precision">In which precision they are kept. Default: 32 bits.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch has no row.</exception>
    public static TrainingMemory Estimate(Network network, Optimizer optimizer, int batchSize, CheckpointPolicy checkpointing = default, Precision precision = Precision.Float32)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        long parameters = network.Parameters.Sum(parameter =>
            (long)parameter.Shape.Length * (parameter.IsTrainable ? 2 + optimizer.KeptValuesPerValue : 1));
        bool isMixed = precision != Precision.Float32;
        long largest = isMixed ? network.Parameters.Max(parameter => (long?)parameter.Shape.Length) ?? 0 : 0; // is rounded for its product
        long fixedBytes = CheckpointPlan.Bytes(parameters + network.FoldedValues + largest);
        TrainingMemory With(CheckpointPolicy policy) => new(
            fixedBytes, CheckpointPlan.Bytes(network.InputShape.Length + network.PlanOf(policy, batchSize).ValuesPerRow(isMixed) + network.OutputShape.Length), batchSize)
        {
            Checkpointing = policy,
        };

        if (!checkpointing.IsAuto)
            return With(checkpointing);
        TrainingMemory all = With(CheckpointPolicy.None);
        return all.TotalBytes <= Available(network.Device, network.Parameters, all.TotalBytes) ? all : With(CheckpointPolicy.LeastMemory);
    }

    /// <summary>Fails if a run does not fit into what its device may still use.</summary>
    /// <exception cref="InsufficientMemoryException">It does not; the message names the batch size that would.</exception>
    internal void Check(Device device, ParameterCollection parameters)
    {
        long available = Available(device, parameters, TotalBytes);
        if (TotalBytes <= available)
            return;
        long fitting = BytesPerRow == 0 ? 0 : (available - FixedBytes) / BytesPerRow;
        throw new InsufficientMemoryException(
            $"Training with batch size {BatchSize} takes about {TotalBytes:N0} bytes, but {device} may use only {available:N0} more of its limit of {device.MemoryLimit:N0}. " +
            (fitting >= 1 ? $"A batch size of {fitting} fits; GradientAccumulationSteps makes up for the smaller batch." : "Not even one row fits: make the network smaller, or raise Device.MemoryLimit.") +
            (Checkpointing.IsNone ? " GradientCheckpointing = CheckpointPolicy.Auto takes less memory, for up to a third more time." : ""));
    }

    /// <summary>What a run may use, the parameters included, which are there already.</summary>
    private static long Available(Device device, ParameterCollection parameters, long wanted)
    {
        long present = parameters.Sum(parameter => (long)parameter.Shape.Length * sizeof(float));
        MemoryStatistics memory = device.Memory;
        if (wanted > memory.Limit - memory.BytesInUse + present)
        {
            GC.Collect(); // networks nobody uses any more hold their memory until then
            GC.WaitForPendingFinalizers();
            memory = device.Memory;
        }

        return memory.Limit - memory.BytesInUse + present;
    }
}
