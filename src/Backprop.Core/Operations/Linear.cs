using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(x·W + b) with x [..., K], W [K, N], b [N]: matrix product, bias and activation in one pass over y.
/// Backward, with g the output gradient: g ← g ⊙ activation′(y); gradInput = g·Wᵀ; gradWeight = xᵀ·g; gradBias = Σ rows of g.
/// </summary>
internal sealed class Linear : Operation<Linear.Attributes>
{
    private Linear()
    {
    }

    public static Linear Instance { get; } = new();

    public override string Name => "Linear";

    public static Tensor Apply(Tensor x, Tensor weight, Tensor bias, Activation activation) =>
        Instance.Forward(x.Storage, weight.Storage, bias.IsDefault ? null : bias.Storage, activation);

    private Tensor Forward(TensorStorage x, TensorStorage weight, TensorStorage? bias, Activation activation)
    {
        if (weight.Shape.Rank != 2 || x.Shape.Rank == 0 || x.Shape[x.Shape.Rank - 1] != weight.Shape[0])
            throw new ShapeException($"Linear: the input has shape {x.Shape} and the weight {weight.Shape}; expected an input [..., K] and a weight [K, N].");
        int k = weight.Shape[0], n = weight.Shape[1], m = x.Shape.RowCount;
        if (bias is not null && (bias.Shape.Rank != 1 || bias.Shape[0] != n))
            throw new ShapeException($"Linear: the bias has shape {bias.Shape}; expected [{n}], the columns of the weight {weight.Shape}.");

        TapeState tape = bias is null ? TapeState.Of(Name, [x, weight]) : TapeState.Of(Name, [x, weight, bias]);
        if (!activation.DerivativeFromOutput && tape.IsRecording && (bias is { RequiresGradient: true } || tape.AnyRequiresGradient([x, weight])))
        {
            // Backward needs the sum itself.
            Tensor sum = Forward(x, weight, bias, Activation.Identity);
            Tensor result = ActivationOperation.Of(activation.Kind).Apply(sum, activation.Parameter);
            tape.LetGo(sum.Storage);
            return result;
        }

        TensorStorage y = tape.Allocate(x.Shape.WithLastAxis(n));
        using (ScratchBlock left = ScratchBlock.Factor(tape, x), right = ScratchBlock.Factor(tape, weight))
            tape.Device.MatMul(new MatMulArguments(left.Block, right.Block, y.Values, m, n, k)
            {
                Bias = bias?.Values,
                Activation = activation,
                MaySkipZeros = !tape.IsRecording, // the weights of a trained network are finite
                FormatA = tape.Format,
                FormatB = tape.Format,
            });

        var attributes = new Attributes(activation, m, n, k);
        Needs needs = Needs.Input0 | Needs.Input1 | (activation.Kind == ActivationKind.Identity ? Needs.Nothing : Needs.Output);
        if (bias is null)
            Record(tape, y, attributes, [x, weight], needs);
        else
            Record(tape, y, attributes, [x, weight, bias], needs);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        (Activation activation, int m, int n, int k) = attributes;
        Device device = tape.Device;
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (activation.Kind != ActivationKind.Identity)
            device.ActivateBackward(activation, null, record.Output.Values, gradOutput, gradOutput, m * n, accumulate: false);

        TensorStorage x = record.Input(0), weight = record.Input(1);
        if (weight.RequiresGradient)
        {
            MemoryBlock gradWeight = tape.GradientOf(weight, out bool accumulate);
            using ScratchBlock left = ScratchBlock.Factor(tape, x);
            device.MatMul(new MatMulArguments(left.Block, gradOutput, gradWeight, k, n, m) { TransposeA = true, Accumulate = accumulate, FormatA = tape.Format });
        }

        if (record.InputCount == 3 && record.Input(2).RequiresGradient)
        {
            MemoryBlock gradBias = tape.GradientOf(record.Input(2), out bool accumulate);
            device.Sum(Shape.Layout([m, n], [false, true]), 1f, gradOutput, gradBias, accumulate);
        }

        if (x.RequiresGradient)
        {
            MemoryBlock gradInput = tape.GradientOf(x, out bool accumulate);
            using ScratchBlock right = ScratchBlock.Factor(tape, weight);
            device.MatMul(new MatMulArguments(gradOutput, right.Block, gradInput, m, k, n) { TransposeB = true, Accumulate = accumulate, FormatB = tape.Format });
        }
    }

    internal readonly record struct Attributes(Activation Activation, int M, int N, int K);
}
