using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop;

/// <summary>An optimizer at work: the parameters, what it remembers of their gradients, and the number of steps taken.</summary>
public abstract class OptimizerState
{
    private readonly MemoryBlock?[][] _slots;

    private protected OptimizerState(ParameterCollection parameters, float learningRate, int slots)
    {
        Parameters = parameters;
        LearningRate = learningRate;
        _slots = new MemoryBlock?[parameters.Count][];
        for (int i = 0; i < parameters.Count; i++)
            _slots[i] = new MemoryBlock?[slots];
    }

    /// <summary>What it trains.</summary>
    public ParameterCollection Parameters { get; }

    /// <summary>The learning rate of the next step; begins as the settings' and may be changed between steps.</summary>
    public float LearningRate { get; set; }

    /// <summary>The number of steps taken.</summary>
    public long StepCount { get; private set; }

    /// <summary>Changes every trainable parameter that has a gradient, in one pass over its memory.</summary>
    public void Step() => Step(1f);

    /// <summary>The same with all gradients multiplied by a factor first, in the same pass.</summary>
    internal void Step(float gradientScale)
    {
        StepCount++;
        for (int i = 0; i < Parameters.Count; i++)
        {
            Parameter parameter = Parameters[i];
            if (!parameter.IsTrainable || !parameter.HasGradient)
                continue;
            TensorStorage storage = parameter.Storage;
            Update(storage, parameter.Kind == ParameterKind.Weight, _slots[i], gradientScale);
            storage.Version++;
        }
    }

    /// <summary>What the optimizer remembers of a parameter, by slot; for tests.</summary>
    internal float[] SlotToArray(int parameter, int slot)
    {
        var values = new float[Parameters[parameter].Shape.Length];
        if (_slots[parameter][slot] is { } block)
            Parameters[parameter].Storage.Device.Download(block, values);
        return values;
    }

    private protected abstract void Update(TensorStorage parameter, bool decays, MemoryBlock?[] slots, float gradientScale);

    /// <summary>A block that the optimizer keeps for a parameter, zero at first.</summary>
    private protected static MemoryBlock Slot(MemoryBlock?[] slots, int index, TensorStorage parameter)
    {
        if (slots[index] is { } existing)
            return existing;
        MemoryBlock block = parameter.Device.Rent(Math.Max(parameter.Shape.Length, 1), ElementType.Float32);
        parameter.Device.Fill(block, 0f, parameter.Shape.Length);
        return slots[index] = block;
    }
}
