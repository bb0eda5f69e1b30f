using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Layers;
using Backprop.Tensors;

namespace Backprop
{
    /// <summary>
    /// A residual block: y = block(x) + shortcut(x). The shortcut is x itself where the block keeps the shape; otherwise a
    /// projection that is learned and inferred from the shapes: for images and signals a 1x1 convolution with the stride
    /// that makes the sizes agree, for vectors a dense layer, without a bias and with batch normalisation behind it if the
    /// block ends in one. An activation that follows is part of the addition. He et al. 2016, arXiv:1512.03385.
    /// </summary>
    /// <param name="Block">The layers of the block, at least one; they may be blocks, too, up to four levels deep.</param>
    public sealed record ResidualDefinition(IReadOnlyList<LayerDefinition> Block) : LayerDefinition
    {
        /// <summary>The layers of the block.</summary>
        public IReadOnlyList<LayerDefinition> Block { get; init => field = Checked(value); } = Checked(Block);

        internal override string KindName => "residual";

        internal override IReadOnlyList<LayerDefinition> Inner => Block;

        internal override bool TakesImages => NetworkDefinition.BeginWithImages(Block);

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            var block = new LayerSequence(Block, name + ".", inputShape, context.Parameters, context.ActivationAhead);
            LayerSequence? projection = block.OutputShape == inputShape
                ? null
                : new LayerSequence(ResidualLayer.Projection(name, inputShape, block.OutputShape, Block[^1] as BatchNormDefinition), name + ".shortcut.", inputShape, context.Parameters, context.ActivationAhead);
            return new ResidualLayer(name, inputShape, block, projection, context);
        }

        private static IReadOnlyList<LayerDefinition> Checked(IReadOnlyList<LayerDefinition> block)
        {
            ArgumentNullException.ThrowIfNull(block, nameof(Block));
            if (block.Count == 0 || block.Contains(null!))
                throw new ArgumentException("A residual block has at least one layer, and none that is null.", nameof(Block));
            return Array.AsReadOnly(block.ToArray());
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class ResidualLayer : Layer
    {
        private readonly LayerSequence _block;
        private readonly LayerSequence? _projection;

        public ResidualLayer(string name, Shape inputShape, LayerSequence block, LayerSequence? projection, in LayerContext context) : base(name, inputShape, block.OutputShape)
        {
            (_block, _projection) = (block, projection);
            Activation next = context.NextActivation is { } definition ? definition.Function : Activation.Identity;
            AppliesNextActivation = next.DerivativeFromOutput;
            Activation = AppliesNextActivation ? next : Activation.Identity;
            Inner = [.. block.Layers, .. projection is null ? [] : projection.Layers];
            Parameters = [.. Inner.SelectMany(layer => layer.Parameters)];
        }

        public override Activation Activation { get; }

        public override bool AppliesNextActivation { get; }

        public override string Description =>
            (_projection is null ? "Residual" : "Residual, projected") + (Activation.Kind == ActivationKind.Identity ? "" : $" + {Activation.Kind}");

        public override IReadOnlyList<Parameter> Parameters { get; }

        public override IEnumerable<Layer> Inner { get; }

        // The addition reads neither of its operands again.
        public override long KeptValuesPerRow =>
            LayerSegment.KeptBy(_block.Layers, isLastRead: false) + (_projection is null ? 0 : LayerSegment.KeptBy(_projection.Layers, isLastRead: false)) + OutputShape.Length;

        public override bool NeedsOutput => Activation.Kind != ActivationKind.Identity;

        // While the block is walked back, the gradient that goes through the shortcut waits.
        public override long WorkingValuesPerRow => Math.Max(Inner.Max(layer => layer.WorkingValuesPerRow), 2L * OutputShape.Length) + Math.Max(InputShape.Length, OutputShape.Length);

        public override int RowsNeededInTraining => Inner.Max(layer => layer.RowsNeededInTraining);

        public override long FoldedValuesWithin => _block.FoldedValues + (_projection?.FoldedValues ?? 0);

        public override Tensor Forward(Tensor x, in ForwardContext context)
        {
            TapeState tape = TapeState.Of(Name, [x.Storage]);
            Tensor main = _block.Forward(x, context, tape), shortcut = _projection is null ? x : _projection.Forward(x, context, tape);
            Tensor y = Operations.AddActivation.Apply(main, shortcut, Activation);
            if (main != x)
                tape.LetGo(main.Storage);
            if (shortcut != x)
                tape.LetGo(shortcut.Storage);
            return y;
        }

        /// <summary>What makes rows of one shape into another on the way past the block.</summary>
        /// <exception cref="ShapeException">No 1x1 convolution or dense layer does; the message names both shapes.</exception>
        public static IReadOnlyList<LayerDefinition> Projection(string name, Shape input, Shape output, BatchNormDefinition? norm)
        {
            bool useBias = norm is null;
            LayerDefinition? linear = (input.Rank, output.Rank) switch
            {
                (1, 1) => new DenseDefinition(output[0], useBias),
                (2, 2) when Stride(input[0], output[0]) is { } stride => new Conv1dDefinition(output[1], 1, stride, UseBias: useBias),
                (3, 3) when Stride(input[0], output[0]) is { } down && Stride(input[1], output[1]) is { } across => new Conv2dDefinition(output[2], 1, (down, across), UseBias: useBias),
                _ => null,
            };
            if (linear is null)
                throw new ShapeException(
                    $"Layer '{name}': its block makes rows of shape {output} of rows of shape {input}, and these cannot be added: no stride of a 1x1 convolution, output = ⌈size/stride⌉, leads from the one to the other. " +
                    "A block keeps the number of axes; paddings that keep the size (Padding.Same) make the shapes agree at any stride.");
            return norm is null ? [linear] : [linear, norm with { Name = null }];
        }

        /// <summary>The smallest stride with which a 1x1 convolution makes one size into another.</summary>
        private static int? Stride(int size, int output)
        {
            if (size < 1 || output < 1)
                return null;
            int stride = (size - 1) / output + 1;
            return (size - 1) / stride + 1 == output ? stride : null;
        }
    }
}
