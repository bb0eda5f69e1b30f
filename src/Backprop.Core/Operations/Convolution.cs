using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(x ⋆ W + b), the cross-correlation of images x [N, H, W, C] with kernels W [kh, kw, C/groups, O], bias and
/// activation in the same pass; or of signals x [N, L, C] with W [k, C/groups, O].
/// y[n, i, j, o] = b[o] + Σ x[n, i·stride − padding + ky·dilation, j·stride − padding + kx·dilation, c]·W[ky, kx, c, o].
/// Backward, with g the output gradient: g ← g ⊙ activation′(y); gradInput = the transposed convolution of g with W;
/// gradWeight = the correlation of x with g; gradBias = Σ g over images and pixels. Dumoulin and Visin 2016, arXiv:1603.07285.
/// </summary>
internal sealed class Convolution : Operation<Convolution.Attributes>
{
    private Convolution()
    {
    }

    public static Convolution Instance { get; } = new();

    public override string Name => "Convolution";

    public static Tensor Apply(Tensor x, Tensor weight, Tensor bias, in ConvolutionOptions options, Activation activation) =>
        Instance.Forward(x.Storage, weight.Storage, bias.IsDefault ? null : bias.Storage, options, activation);

    private Tensor Forward(TensorStorage x, TensorStorage weight, TensorStorage? bias, in ConvolutionOptions options, Activation activation)
    {
        ConvolutionShape shape = ShapeOf(x.Shape, weight.Shape, options);
        if (bias is not null && (bias.Shape.Rank != 1 || bias.Shape[0] != shape.OutputChannels))
            throw new ShapeException($"{NameFor(x.Shape)}: the bias has shape {bias.Shape}; expected [{shape.OutputChannels}], the last axis of the weight {weight.Shape}.");

        TapeState tape = bias is null ? TapeState.Of(Name, [x, weight]) : TapeState.Of(Name, [x, weight, bias]);
        shape = shape with { Format = tape.Format };
        if (!activation.DerivativeFromOutput && tape.IsRecording && (bias is { RequiresGradient: true } || tape.AnyRequiresGradient([x, weight])))
        {
            // Backward needs the sum itself.
            Tensor sum = Forward(x, weight, bias, options, Activation.Identity);
            Tensor result = ActivationOperation.Of(activation.Kind).Apply(sum, activation.Parameter);
            tape.LetGo(sum.Storage);
            return result;
        }

        TensorStorage y = tape.Allocate(x.Shape.Rank == 3
            ? [shape.Batch, shape.OutputWidth, shape.OutputChannels]
            : [shape.Batch, shape.OutputHeight, shape.OutputWidth, shape.OutputChannels]);
        using (ScratchBlock image = ScratchBlock.Factor(tape, x), kernels = ScratchBlock.Factor(tape, weight))
            tape.Device.Convolution(shape, image.Block, kernels.Block, bias?.Values, activation, y.Values);

        var attributes = new Attributes(activation, shape);
        Needs needs = Needs.Input0 | Needs.Input1 | (activation.Kind == ActivationKind.Identity ? Needs.Nothing : Needs.Output);
        if (bias is null)
            Record(tape, y, attributes, [x, weight], needs);
        else
            Record(tape, y, attributes, [x, weight, bias], needs);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        (Activation activation, ConvolutionShape shape) = attributes;
        Device device = tape.Device;
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (activation.Kind != ActivationKind.Identity)
            device.ActivateBackward(activation, null, record.Output.Values, gradOutput, gradOutput, shape.OutputLength, accumulate: false);

        TensorStorage x = record.Input(0), weight = record.Input(1);
        if (weight.RequiresGradient)
        {
            MemoryBlock gradWeight = tape.GradientOf(weight, out bool accumulate);
            using ScratchBlock image = ScratchBlock.Factor(tape, x);
            device.ConvolutionBackwardWeight(shape, image.Block, gradOutput, gradWeight, accumulate);
        }

        if (record.InputCount == 3 && record.Input(2).RequiresGradient)
        {
            MemoryBlock gradBias = tape.GradientOf(record.Input(2), out bool accumulate);
            device.Sum(Shape.Layout([shape.Batch * shape.OutputPixels, shape.OutputChannels], [false, true]), 1f, gradOutput, gradBias, accumulate);
        }

        if (x.RequiresGradient)
        {
            MemoryBlock gradInput = tape.GradientOf(x, out bool accumulate);
            using ScratchBlock kernels = ScratchBlock.Factor(tape, weight);
            device.ConvolutionBackwardInput(shape, gradOutput, kernels.Block, gradInput, accumulate);
        }
    }

    private static string NameFor(in Shape x) => x.Rank == 3 ? "Conv1d" : "Conv2d";

    private static ConvolutionShape ShapeOf(in Shape x, in Shape weight, in ConvolutionOptions options)
    {
        if (x.Rank is not (3 or 4) || weight.Rank != x.Rank)
            throw new ShapeException($"Convolution: the input has shape {x} and the weight {weight}; expected images [N, H, W, C] and a weight [kh, kw, C/groups, O], or signals [N, L, C] and a weight [k, C/groups, O].");
        bool isSignal = x.Rank == 3;
        int last = x.Rank - 1;
        var kernel = new Size2d(isSignal ? 1 : weight[0], weight[last - 2]);
        ConvolutionShape shape = options.ShapeOf(NameFor(x), x[0], isSignal ? 1 : x[1], x[last - 1], x[last], kernel, weight[last], isSignal);
        return weight[last - 1] == shape.GroupChannels
            ? shape
            : throw new ShapeException($"{NameFor(x)}: the input {x} has {x[last]} channels in {options.Groups} groups, so the weight's last but one axis must be {shape.GroupChannels}; its shape is {weight}.");
    }

    internal readonly record struct Attributes(Activation Activation, ConvolutionShape Shape);
}
