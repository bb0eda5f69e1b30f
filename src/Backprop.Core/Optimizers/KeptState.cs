using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Optimizers;

/// <summary>What an optimizer remembers of one parameter, and the settings that hold for it.</summary>
internal sealed class KeptState(Parameter parameter, ParameterRule rule, int slots)
{
    private readonly MemoryBlock?[] _slots = new MemoryBlock?[slots];

    public Parameter Parameter { get; } = parameter;

    public ParameterRule Rule { get; } = rule;

    /// <summary>How often it was changed; what was frozen for a while has a smaller number than the optimizer's.</summary>
    public long StepCount { get; set; }

    /// <summary>The product of the momenta of all steps so far (NAdam).</summary>
    public double MomentumProduct { get; set; } = 1;

    public MemoryBlock? this[int slot] => _slots[slot];

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        (StepCount, MomentumProduct) = (0, 1);
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            if (_slots[slot] is { } block)
                Parameter.Storage.Device.Return(block);
            _slots[slot] = null;
        }
    }

    /// <summary>The block of a slot; filled with a value when it is asked for first.</summary>
    public MemoryBlock Slot(int slot, float initial = 0f)
    {
        if (_slots[slot] is { } existing)
            return existing;
        TensorStorage storage = Parameter.Storage;
        MemoryBlock block = storage.Device.Rent(Math.Max(storage.Shape.Length, 1), ElementType.Float32);
        storage.Device.Fill(block, initial, storage.Shape.Length);
        return _slots[slot] = block;
    }
}

/// <summary>The settings that hold for one parameter: the optimizer's, or those of its group.</summary>
internal readonly record struct ParameterRule(float LearningRateFactor, float WeightDecay, float L1Penalty, float L2Penalty, float MaximumNorm, bool IsFrozen)
{
    public static ParameterRule Of(Optimizer optimizer, ParameterGroup? group, Parameter parameter)
    {
        bool decays = parameter.Kind is ParameterKind.Weight or ParameterKind.Embedding || (group?.DecayBiases ?? optimizer.DecayBiases);
        float maximumNorm = group?.MaximumNorm ?? optimizer.MaximumNorm ?? float.PositiveInfinity;
        return new ParameterRule(
            group?.LearningRateFactor ?? 1f,
            decays ? group?.WeightDecay ?? optimizer.WeightDecay : 0f,
            decays ? group?.L1Penalty ?? optimizer.L1Penalty : 0f,
            decays ? group?.L2Penalty ?? optimizer.L2Penalty : 0f,
            parameter.Kind == ParameterKind.Weight ? maximumNorm : float.PositiveInfinity,
            group?.IsFrozen ?? false);
    }
}

/// <summary>What an optimizer is told of one step of one parameter.</summary>
/// <param name="Kept">What it remembers.</param>
/// <param name="LearningRate">The rate of the step, with the schedule's factor and the group's.</param>
/// <param name="WeightDecay">The decay; 0 for what does not decay.</param>
/// <param name="GradientScale">What gradients are multiplied with first.</param>
/// <param name="Momentum">The momentum of the step, where the optimizer has one that schedules may move.</param>
internal readonly record struct ParameterStep(KeptState Kept, float LearningRate, float WeightDecay, float GradientScale, double Momentum)
{
    public TensorStorage Storage => Kept.Parameter.Storage;

    public MemoryBlock Weights => Storage.Values;

    public MemoryBlock Gradients => Storage.Gradient!;

    public int Length => Storage.Shape.Length;

    public Device Device => Storage.Device;

    /// <summary>The number of this step of this parameter, from 1.</summary>
    public long StepCount => Kept.StepCount;
}
