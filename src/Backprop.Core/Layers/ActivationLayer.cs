using System.Text.Json.Serialization;
using Backprop.Devices;
using Backprop.Layers;
using Backprop.Operations;

namespace Backprop
{
    /// <summary>An activation function, element by element.</summary>
    /// <param name="Kind">Which one.</param>
    /// <param name="Parameter">The slope of leaky ReLU, the α of ELU; otherwise unused.</param>
    public sealed record ActivationDefinition(
        [property: JsonPropertyName("function")] ActivationKind Kind, float Parameter = 0f) : LayerDefinition
    {
        internal override string KindName => Kind.ToString().ToLowerInvariant();

        internal Activation Function => new(Kind, Parameter);

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => Enum.IsDefined(Kind)
            ? new ActivationLayer(name, inputShape, Function)
            : throw new ArgumentOutOfRangeException(nameof(Kind), Kind, $"Layer '{name}': this is no activation function.");
    }
}

namespace Backprop.Layers
{
    /// <summary>An activation that stands alone. One that follows a dense layer becomes part of that layer.</summary>
    internal sealed class ActivationLayer(string name, Shape shape, Activation activation) : Layer(name, shape, shape)
    {
        public override string Description => activation.Kind.ToString();

        public override Tensor Forward(Tensor x, in ForwardContext context) => Apply(x, activation);

        public static Tensor Apply(Tensor x, Activation activation)
        {
            if (activation.Kind == ActivationKind.Identity)
                return x;
            return ActivationOperation.Of(activation.Kind).Apply(x, activation.Parameter);
        }
    }
}
