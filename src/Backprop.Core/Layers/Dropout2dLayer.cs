using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Inverted dropout of whole channels in training, nothing in prediction: neighbouring pixels are too alike for single
    /// ones to matter. Tompson et al. 2015, arXiv:1411.4280.
    /// </summary>
    /// <param name="Rate">The probability that a channel of an example is dropped, in [0, 1).</param>
    public sealed record Dropout2dDefinition(float Rate) : LayerDefinition
    {
        internal override string KindName => "dropout2d";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (!(Rate >= 0f && Rate < 1f))
                throw new ArgumentOutOfRangeException(nameof(Rate), Rate, $"Layer '{name}': the dropout rate is a probability in [0, 1).");
            return inputShape.Rank >= 2
                ? new Dropout2dLayer(name, inputShape, Rate, context.Stream)
                : throw new ShapeException($"Layer '{name}': expected rows with channels, images [height, width, channels] or signals [length, channels]; found {inputShape}. Dropout drops single elements.");
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class Dropout2dLayer(string name, Shape shape, float rate, int stream) : Layer(name, shape, shape)
    {
        public override string Description => FormattableString.Invariant($"Dropout2d {rate}");

        public override bool NeedsInput => false;

        public override bool NeedsOutput => false;

        public override Tensor Forward(Tensor x, in ForwardContext context) => !context.IsTraining || rate == 0f
            ? x
            : Operations.ChannelDropout.Apply(x, rate, new RandomKey((ulong)(uint)context.Seed, (uint)stream, (ulong)context.Step));
    }
}
