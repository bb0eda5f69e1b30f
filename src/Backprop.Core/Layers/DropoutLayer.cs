using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>Inverted dropout in training, nothing in prediction. Srivastava et al. 2014, JMLR 15.</summary>
    /// <param name="Rate">The probability that an element is dropped, in [0, 1).</param>
    public sealed record DropoutDefinition(float Rate) : LayerDefinition
    {
        internal override string KindName => "dropout";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (!(Rate >= 0f && Rate < 1f))
                throw new ArgumentOutOfRangeException(nameof(Rate), Rate, $"Layer '{name}': the dropout rate is a probability in [0, 1).");
            return new DropoutLayer(name, inputShape, Rate, context.Stream);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class DropoutLayer(string name, Shape shape, float rate, int stream) : Layer(name, shape, shape)
    {
        public override string Description => FormattableString.Invariant($"Dropout {rate}");

        public override bool NeedsInput => false;

        public override bool NeedsOutput => false;

        public override Tensor Forward(Tensor x, in ForwardContext context) => !context.IsTraining || rate == 0f
            ? x
            : Operations.Dropout.Apply(x, rate, new RandomKey((ulong)(uint)context.Seed, (uint)stream, (ulong)context.Step));
    }
}
