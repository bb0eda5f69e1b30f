using Backprop.Tensors;

namespace Backprop;

/// <summary>What a parameter is, which decides how it is treated: weight decay is for weights alone.</summary>
public enum ParameterKind
{
    /// <summary>The weights of a dense or convolution layer: decays.</summary>
    Weight,

    /// <summary>A bias, or the shift β of a normalisation: does not decay.</summary>
    Bias,

    /// <summary>A constant of the network, such as the scale of its inputs: not trained.</summary>
    Constant,

    /// <summary>The scale γ of a normalisation: does not decay.</summary>
    Scale,

    /// <summary>A running statistic, such as the mean that batch normalisation predicts with: kept by forward passes in training, not trained.</summary>
    Statistic,

    /// <summary>The table of an embedding, or several: decays.</summary>
    Embedding,
}

/// <summary>A named tensor of a network that training changes, with its gradient. It outlives all tapes.</summary>
public sealed class Parameter
{
    private readonly TensorStorage _storage;
    private bool _isFrozen;

    internal Parameter(string name, ParameterKind kind, Shape shape, Device device)
    {
        Name = name;
        Kind = kind;
        _storage = new TensorStorage
        {
            Device = device,
            Shape = shape,
            Block = device.Rent(Math.Max(shape.Length, 1), ElementType.Float32),
            Holders = 1,
            RequiresGradient = CanBeTrained,
        };
    }

    /// <summary>The name within the network: the layer's name, a dot and the role, as in <c>dense_1.weight</c>.</summary>
    public string Name { get; }

    /// <summary>What this parameter is.</summary>
    public ParameterKind Kind { get; }

    /// <summary>The axis lengths; [inputs, units] for the weight of a dense layer, [kernel height, kernel width, channels, filters] for that of a convolution.</summary>
    public Shape Shape => _storage.Shape;

    /// <summary>Whether training changes it: false for constants, statistics and what is frozen.</summary>
    public bool IsTrainable => _storage.RequiresGradient;

    /// <summary>
    /// Whether training leaves it alone: no gradient is computed for it, and no optimizer changes it. A batch normalisation
    /// whose running statistics are frozen normalises with them also in training. Change it between steps, not between
    /// a forward pass and its backward pass. Default: no.
    /// </summary>
    public bool IsFrozen
    {
        get => _isFrozen;
        set
        {
            _isFrozen = value;
            _storage.RequiresGradient = CanBeTrained && !value;
            if (value)
                ReleaseGradient();
        }
    }

    private bool CanBeTrained => Kind is not (ParameterKind.Constant or ParameterKind.Statistic);

    /// <summary>The values, as a tensor for operations. Its gradient is that of the parameter.</summary>
    public Tensor Value => new(_storage);

    /// <summary>A copy of the gradient that backward has computed; zeros if there is none.</summary>
    public float[] GradientToArray() => Value.GradientToArray();

    /// <summary>Sets the gradient to zero, without touching its memory.</summary>
    public void ZeroGradient()
    {
        if (_storage.Gradient is not null)
            _storage.GradientIsZero = true;
    }

    /// <summary>Gives the own values up for those of another parameter of the same shape, and is frozen.</summary>
    internal void ShowValuesOf(Parameter other)
    {
        _storage.Device.Return(_storage.Block!);
        (_storage.Block, _storage.Source) = (null, other._storage);
        IsFrozen = true;
    }

    internal void ReleaseGradient()
    {
        if (_storage.Gradient is not null)
            _storage.Device.Return(_storage.Gradient);
        _storage.Gradient = null;
        _storage.GradientIsZero = false;
    }

    /// <summary>Name and shape.</summary>
    public override string ToString() => $"{Name} {Shape}";

    internal TensorStorage Storage => _storage;

    /// <summary>Whether backward has left a gradient here since the last zeroing.</summary>
    internal bool HasGradient => _storage.Gradient is not null && !_storage.GradientIsZero;

    /// <summary>Replaces the gradient, for tests and tools that compute it elsewhere.</summary>
    internal void SetGradient(ReadOnlySpan<float> values)
    {
        _storage.Gradient ??= _storage.Device.Rent(Math.Max(Shape.Length, 1), ElementType.Float32);
        _storage.GradientIsZero = false;
        _storage.Device.Upload(values, _storage.Gradient);
    }
}
