using Backprop.Memory;
using Backprop.Optimizers;
using Backprop.Tensors;

namespace Backprop;

/// <summary>An optimizer at work: the parameters, what it remembers of their gradients, and the number of steps taken.</summary>
public abstract class OptimizerState
{
    private const string StepCountName = "step", MomentumProductName = "mu_product", LearningRateName = "learning_rate", MomentumName = "momentum";
    private readonly Optimizer _settings;
    private readonly KeptState[] _kept;
    private readonly string[] _slotNames;
    private readonly bool _decayIsDecoupled;

    /// <param name="settings">The settings.</param>
    /// <param name="parameters">What is trained.</param>
    /// <param name="decayIsDecoupled">Whether weight decay goes around the gradient.</param>
    /// <param name="slotNames">The names of what is kept for each parameter, as checkpoints know them: those of PyTorch.</param>
    private protected OptimizerState(Optimizer settings, ParameterCollection parameters, bool decayIsDecoupled, params string[] slotNames)
    {
        _settings = settings;
        _slotNames = slotNames;
        _decayIsDecoupled = decayIsDecoupled;
        Parameters = parameters;
        LearningRate = settings.LearningRate;
        Momentum = settings.ScheduledMomentum;
        ParameterGroup?[] groups = ParameterGroup.Assign(settings.ParameterGroups, parameters);
        _kept = [.. parameters.Select((parameter, i) => new KeptState(parameter, ParameterRule.Of(settings, groups[i], parameter), slotNames.Length))];
        Freeze();
    }

    /// <summary>What it trains.</summary>
    public ParameterCollection Parameters { get; }

    /// <summary>The learning rate of the next step; begins as the settings' and may be changed between steps.</summary>
    public float LearningRate { get; set; }

    /// <summary>
    /// The momentum of the next step (β₁ of the Adam family); begins as the settings' and may be changed between steps.
    /// Null, and stays so, where the optimizer has none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double? Momentum
    {
        get;
        set
        {
            if (value is not null and not (>= 0 and < 1))
                throw new ArgumentOutOfRangeException(nameof(Momentum), value, $"Momentum is {value}; expected a number in [0, 1).");
            field = _settings.ScheduledMomentum is null ? null : value ?? _settings.ScheduledMomentum;
        }
    }

    /// <summary>The number of steps taken.</summary>
    public long StepCount { get; private set; }

    /// <summary>Changes every trainable parameter that has a gradient, in one pass over its memory.</summary>
    /// <remarks>An L1 penalty, an L2 penalty beside decoupled decay, and a largest norm take a pass each; the penalties are added to the gradients.</remarks>
    public void Step() => Step(1f);

    /// <summary>The same with all gradients multiplied by a factor first, in the same pass.</summary>
    internal void Step(float gradientScale)
    {
        StepCount++;
        foreach (KeptState kept in _kept)
        {
            Parameter parameter = kept.Parameter;
            if (!parameter.IsTrainable || !parameter.HasGradient)
                continue;
            TensorStorage storage = parameter.Storage;
            kept.StepCount++;
            AddPenalties(kept.Rule, storage, gradientScale);
            float decay = kept.Rule.WeightDecay + (_decayIsDecoupled ? 0f : kept.Rule.L2Penalty);
            Update(new ParameterStep(kept, LearningRate * kept.Rule.LearningRateFactor, decay, gradientScale, Momentum ?? 0));
            if (kept.Rule.MaximumNorm < float.PositiveInfinity)
                LimitNorms(kept.Rule.MaximumNorm, storage);
            storage.Version++;
        }
    }

    /// <summary>Freezes the parameters of frozen groups.</summary>
    internal void Freeze()
    {
        foreach (KeptState kept in _kept)
            if (kept.Rule.IsFrozen)
                kept.Parameter.IsFrozen = true;
    }

    /// <summary>
    /// The numbers to save besides the <see cref="StateTensors"/>, by name: with both restored, the next step is that of an
    /// optimizer which has never stopped.
    /// </summary>
    internal IEnumerable<(string Name, double Value)> StateNumbers()
    {
        yield return (StepCountName, StepCount);
        yield return (LearningRateName, LearningRate);
        if (Momentum is { } momentum)
            yield return (MomentumName, momentum);
        foreach (KeptState kept in _kept)
        {
            if (kept.StepCount == 0)
                continue;
            yield return ($"{kept.Parameter.Name}/{StepCountName}", kept.StepCount);
            if (kept.MomentumProduct != 1)
                yield return ($"{kept.Parameter.Name}/{MomentumProductName}", kept.MomentumProduct);
        }
    }

    /// <summary>The tensors to save, by name: the parameter's, a slash and the slot's, in the parameter's shape.</summary>
    internal IEnumerable<(string Name, Shape Shape, MemoryBlock Block)> StateTensors()
    {
        foreach (KeptState kept in _kept)
            for (int slot = 0; slot < _slotNames.Length; slot++)
                if (kept[slot] is { } block)
                    yield return ($"{kept.Parameter.Name}/{_slotNames[slot]}", kept.Parameter.Shape, block);
    }

    /// <summary>Sets a number that <see cref="StateNumbers"/> has listed.</summary>
    /// <exception cref="ArgumentException">This optimizer has no such number; the message lists its parameters.</exception>
    internal void RestoreNumber(string name, double value)
    {
        switch (name)
        {
            case StepCountName:
                StepCount = (long)value;
                return;
            case LearningRateName:
                LearningRate = (float)value;
                return;
            case MomentumName when Momentum is not null:
                Momentum = value;
                return;
        }

        (KeptState kept, string what) = Find(name);
        switch (what)
        {
            case StepCountName:
                kept.StepCount = (long)value;
                break;
            case MomentumProductName:
                kept.MomentumProduct = value;
                break;
            default:
                throw Unknown(name);
        }
    }

    /// <summary>Sets a tensor that <see cref="StateTensors"/> has listed.</summary>
    /// <exception cref="ArgumentException">This optimizer keeps no such tensor, or one of another length.</exception>
    internal void RestoreTensor(string name, ReadOnlySpan<float> values)
    {
        (KeptState kept, string what) = Find(name);
        int slot = Array.IndexOf(_slotNames, what);
        if (slot < 0)
            throw Unknown(name);
        if (values.Length != kept.Parameter.Shape.Length)
            throw new ArgumentException($"'{name}' of the optimizer has {values.Length} values; expected {kept.Parameter.Shape.Length}, as '{kept.Parameter.Name}' has the shape {kept.Parameter.Shape}.", nameof(values));
        kept.Parameter.Storage.Device.Upload(values, kept.Slot(slot));
    }

    /// <summary>Forgets everything, as if no step had been taken.</summary>
    internal void Reset()
    {
        (StepCount, LearningRate, Momentum) = (0, _settings.LearningRate, _settings.ScheduledMomentum);
        foreach (KeptState kept in _kept)
            kept.Reset();
    }

    /// <summary>Changes one parameter.</summary>
    private protected abstract void Update(in ParameterStep step);

    private void AddPenalties(in ParameterRule rule, TensorStorage storage, float gradientScale)
    {
        // The step will multiply gradients with the scale, and the penalties must not be.
        if (rule.L1Penalty != 0f)
            storage.Device.AddSign(rule.L1Penalty / gradientScale, storage.Values, storage.Gradient!, storage.Shape.Length);
        if (rule.L2Penalty != 0f && _decayIsDecoupled)
            storage.Device.Scale(rule.L2Penalty / gradientScale, storage.Values, storage.Gradient!, storage.Shape.Length, accumulate: true);
    }

    // The last axis of every weight is that of its units.
    private static void LimitNorms(float maximum, TensorStorage storage)
    {
        int units = storage.Shape.Rank == 0 ? 1 : storage.Shape[storage.Shape.Rank - 1];
        if (units > 0)
            storage.Device.LimitColumnNorms(maximum, storage.Values, storage.Shape.Length / units, units);
    }

    private (KeptState Kept, string What) Find(string name)
    {
        int slash = name.LastIndexOf('/');
        KeptState? kept = slash < 0 ? null : Array.Find(_kept, candidate => candidate.Parameter.Name.AsSpan().SequenceEqual(name.AsSpan(0, slash)));
        return kept is null ? throw Unknown(name) : (kept, name[(slash + 1)..]);
    }

    private ArgumentException Unknown(string name) => new(
        $"The optimizer {_settings.GetType().Name} keeps no '{name}'. For each parameter it keeps {string.Join(", ", _slotNames.Append(StepCountName))}; the parameters are {string.Join(", ", Parameters.Select(parameter => parameter.Name))}.", nameof(name));
}
