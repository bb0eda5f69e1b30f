using System.Text.Json.Serialization;
using Backprop.Devices;
using Backprop.Layers;
using Backprop.Operations;

namespace Backprop
{
    /// <summary>An activation function, element by element.</summary>
    /// <param name="Kind">Which one.</param>
    /// <param name="Parameter">The slope of leaky ReLU (0.01 when null), the α of ELU (1 when null); otherwise unused.</param>
    public sealed record ActivationDefinition(
        [property: JsonPropertyName("function")] ActivationKind Kind, float? Parameter = null) : LayerDefinition
    {
        internal override string KindName => Kind.ToString().ToLowerInvariant();

        /// <exception cref="ArgumentOutOfRangeException">There is no such function, or the parameter is no finite number.</exception>
        internal Activation Function
        {
            get
            {
                if (!Enum.IsDefined(Kind))
                    throw new ArgumentOutOfRangeException(nameof(Kind), Kind, $"{Kind} is no activation function; expected one of {string.Join(", ", Enum.GetNames<ActivationKind>())}.");
                float parameter = Parameter ?? (Kind switch
                {
                    ActivationKind.LeakyRelu => 0.01f,
                    ActivationKind.Elu => 1f,
                    _ => 0f,
                });
                return float.IsFinite(parameter)
                    ? new Activation(Kind, parameter)
                    : throw new ArgumentOutOfRangeException(nameof(Parameter), parameter, $"The parameter of {Kind} is {parameter}; expected a finite number.");
            }
        }

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => new ActivationLayer(name, inputShape, Function);
    }
}

namespace Backprop.Layers
{
    /// <summary>An activation that stands alone. One that follows a dense or convolution layer becomes part of that layer.</summary>
    internal sealed class ActivationLayer(string name, Shape shape, Activation activation) : Layer(name, shape, shape)
    {
        public override Activation Activation => activation;

        public override string Description => activation.Kind.ToString();

        public override bool NeedsInput => !activation.DerivativeFromOutput;

        public override bool NeedsOutput => activation.DerivativeFromOutput;

        public override Tensor Forward(Tensor x, in ForwardContext context) => Apply(x, activation);

        public static Tensor Apply(Tensor x, Activation activation)
        {
            if (activation.Kind == ActivationKind.Identity)
                return x;
            return ActivationOperation.Of(activation.Kind).Apply(x, activation.Parameter);
        }
    }
}
