using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Standardises each element of a row with constants of the training data: y = (x + offset)·scale. Trainers put it in
    /// front of a network whose first layer cannot take the constants in.
    /// </summary>
    public sealed record RescaleDefinition : LayerDefinition
    {
        internal override string KindName => "rescale";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => new RescaleLayer(name, inputShape, context.Parameters);
    }
}

namespace Backprop.Layers
{
    internal sealed class RescaleLayer : Layer
    {
        public RescaleLayer(string name, Shape shape, ParameterFactory parameters) : base(name, shape, shape)
        {
            Offset = parameters.Constant($"{name}.offset", ParameterKind.Constant, shape, 0f);
            Scale = parameters.Constant($"{name}.scale", ParameterKind.Constant, shape, 1f);
            Parameters = [Offset, Scale];
        }

        public override string Description => "Rescale";

        public override IReadOnlyList<Parameter> Parameters { get; }

        public Parameter Offset { get; }

        public Parameter Scale { get; }

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.Add(Offset.Value).Multiply(Scale.Value);
    }
}
