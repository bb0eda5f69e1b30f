using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Standardises each element of a row with constants of the training data: y = (x + offset)·scale. Trainers put it in
    /// front of a network whose first layer cannot take the constants in.
    /// </summary>
    /// <param name="PerChannel">Whether the constants are one for each place of the last axis, the channels of an image, rather than one for each element. Default: no.</param>
    public sealed record RescaleDefinition(bool PerChannel = false) : LayerDefinition
    {
        internal override string KindName => "rescale";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (PerChannel && inputShape.Rank == 0)
                throw new ShapeException($"Layer '{name}': a row that is rescaled per channel has at least one axis; found a scalar.");
            return new RescaleLayer(name, inputShape, PerChannel, context.Parameters);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class RescaleLayer : Layer
    {
        public RescaleLayer(string name, Shape shape, bool perChannel, ParameterFactory parameters) : base(name, shape, shape)
        {
            IsPerChannel = perChannel;
            Shape constants = perChannel ? [shape[shape.Rank - 1]] : shape;
            Offset = parameters.Constant($"{name}.offset", ParameterKind.Constant, constants, 0f);
            Scale = parameters.Constant($"{name}.scale", ParameterKind.Constant, constants, 1f);
            Parameters = [Offset, Scale];
        }

        public override string Description => "Rescale";

        public override IReadOnlyList<Parameter> Parameters { get; }

        public bool IsPerChannel { get; }

        public Parameter Offset { get; }

        public Parameter Scale { get; }

        public override Tensor Forward(Tensor x, in ForwardContext context) => IsPerChannel
            ? Operations.Rescale.Apply(x, x.Shape, Offset.Value, Scale.Value, isPlanar: false)
            : x.Add(Offset.Value).Multiply(Scale.Value);
    }
}
