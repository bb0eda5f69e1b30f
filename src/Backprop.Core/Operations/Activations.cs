using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = f(x), element by element; gradInput = g ⊙ f′. The value and the derivative of each f stand side by side in the
/// devices' kernels; the derivative is taken from y where that is possible, so that x need not be kept.
/// </summary>
internal abstract class ActivationOperation(ActivationKind kind) : Operation<float>
{
    public override string Name { get; } = kind.ToString();

    public override bool IsCheapToRecompute => true;

    /// <summary>The operation of an activation other than the identity.</summary>
    public static ActivationOperation Of(ActivationKind kind) => kind switch
    {
        ActivationKind.Relu => Relu.Instance,
        ActivationKind.LeakyRelu => LeakyRelu.Instance,
        ActivationKind.Elu => Elu.Instance,
        ActivationKind.Selu => Selu.Instance,
        ActivationKind.Gelu => Gelu.Instance,
        ActivationKind.GeluTanh => GeluTanh.Instance,
        ActivationKind.Silu => Silu.Instance,
        ActivationKind.Sigmoid => Sigmoid.Instance,
        ActivationKind.Tanh => Tanh.Instance,
        ActivationKind.Softplus => Softplus.Instance,
        ActivationKind.HardSwish => HardSwish.Instance,
        ActivationKind.Mish => Mish.Instance,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "This activation has no operation."),
    };

    public Tensor Apply(Tensor input, float parameter = 0f)
    {
        TensorStorage x = input.Storage;
        var activation = new Activation(kind, parameter);
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(x.Shape);
        tape.Device.Activate(activation, x.Values, y.Values, x.Shape.Length);
        Record(tape, y, parameter, [x], activation.DerivativeFromOutput ? Needs.Output : Needs.Input0);
        return new Tensor(y);
    }

    protected sealed override void Backward(TapeState tape, OperationRecord record, in float parameter)
    {
        var activation = new Activation(kind, parameter);
        TensorStorage x = record.Input(0), y = record.Output;
        MemoryBlock gradInput = tape.GradientOf(x, out bool accumulate);
        tape.Device.ActivateBackward(
            activation, activation.DerivativeFromOutput ? null : x.Values, activation.DerivativeFromOutput ? y.Values : null,
            y.Gradient!, gradInput, x.Shape.Length, accumulate);
    }
}

/// <summary>max(x, 0); f′ = 1 for y > 0, else 0.</summary>
internal sealed class Relu() : ActivationOperation(ActivationKind.Relu)
{
    public static Relu Instance { get; } = new();
}

/// <summary>x for x > 0, else slope·x; f′ = 1, else the slope.</summary>
internal sealed class LeakyRelu() : ActivationOperation(ActivationKind.LeakyRelu)
{
    public static LeakyRelu Instance { get; } = new();
}

/// <summary>x for x > 0, else α(eˣ − 1); f′ = 1, else y + α.</summary>
internal sealed class Elu() : ActivationOperation(ActivationKind.Elu)
{
    public static Elu Instance { get; } = new();
}

/// <summary>λx for x > 0, else λα(eˣ − 1); f′ = λ, else y + λα.</summary>
internal sealed class Selu() : ActivationOperation(ActivationKind.Selu)
{
    public static Selu Instance { get; } = new();
}

/// <summary>xΦ(x); f′ = Φ(x) + xφ(x).</summary>
internal sealed class Gelu() : ActivationOperation(ActivationKind.Gelu)
{
    public static Gelu Instance { get; } = new();
}

/// <summary>½x(1 + tanh u), u = √(2/π)(x + 0.044715x³); f′ = ½(1 + tanh u) + ½x(1 − tanh²u)u′.</summary>
internal sealed class GeluTanh() : ActivationOperation(ActivationKind.GeluTanh)
{
    public static GeluTanh Instance { get; } = new();
}

/// <summary>xσ(x); f′ = σ(x)(1 + x(1 − σ(x))).</summary>
internal sealed class Silu() : ActivationOperation(ActivationKind.Silu)
{
    public static Silu Instance { get; } = new();
}

/// <summary>1/(1 + e⁻ˣ); f′ = y(1 − y).</summary>
internal sealed class Sigmoid() : ActivationOperation(ActivationKind.Sigmoid)
{
    public static Sigmoid Instance { get; } = new();
}

/// <summary>tanh x; f′ = 1 − y².</summary>
internal sealed class Tanh() : ActivationOperation(ActivationKind.Tanh)
{
    public static Tanh Instance { get; } = new();
}

/// <summary>ln(1 + eˣ); f′ = σ(x).</summary>
internal sealed class Softplus() : ActivationOperation(ActivationKind.Softplus)
{
    public static Softplus Instance { get; } = new();
}

/// <summary>x·clamp(x + 3, 0, 6)/6; f′ = 0 up to −3, x/3 + ½ between, 1 from 3 on.</summary>
internal sealed class HardSwish() : ActivationOperation(ActivationKind.HardSwish)
{
    public static HardSwish Instance { get; } = new();
}

/// <summary>x·t, t = tanh(softplus(x)); f′ = t + x(1 − t²)σ(x).</summary>
internal sealed class Mish() : ActivationOperation(ActivationKind.Mish)
{
    public static Mish Instance { get; } = new();
}
