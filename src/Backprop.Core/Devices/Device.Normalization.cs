using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The contract goes on here: what a device must do for normalisation.
public abstract partial class Device
{
    /// <summary>
    /// Batch normalisation with the activation that follows. Statistics, [3, Channels], receives what backward needs: the
    /// mean, what it lost when it was rounded, and 1/√(σ² + ε).
    /// </summary>
    internal abstract void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y);

    /// <summary>The gradients through <see cref="BatchNorm"/>, from x and the statistics; what came before the activation is computed again.</summary>
    internal abstract void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients);

    /// <summary>Group or layer normalisation with the activation that follows. Statistics, [3, Examples·Groups], as in <see cref="BatchNorm"/>.</summary>
    internal abstract void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y);

    /// <summary>The gradients through <see cref="GroupNorm"/>.</summary>
    internal abstract void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients);
}
