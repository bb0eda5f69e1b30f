using Backprop.Autograd;
using Backprop.Layers;
using Backprop.Tensors;

namespace Backprop.Training;

/// <summary>Notes what passes through each layer while one step is computed.</summary>
internal sealed class LayerExamination : TapeObserver
{
    private const double NearLimit = 0.01, SaturatedShare = 0.9;
    private readonly Layer[] _layers;
    private readonly Dictionary<string, Figures> _figures = [];
    private readonly Dictionary<TensorStorage, List<Figures>> _byOutput = [];

    public LayerExamination(Network network)
    {
        _layers = [.. Network.AllLayers(network.Layers.ToArray())];
        foreach (Layer layer in _layers)
            _figures[layer.Name] = new Figures(layer);
    }

    public override void LayerDone(TapeState tape, string layer, TensorStorage output)
    {
        if (!_figures.TryGetValue(layer, out Figures? figures))
            return;
        figures.Take(output);
        if (!_byOutput.TryGetValue(output, out List<Figures>? sharing)) // layers that hand their input on share its tensor
            _byOutput[output] = sharing = [];
        sharing.Add(figures);
    }

    public override void GradientArrived(OperationRecord record)
    {
        if (!_byOutput.TryGetValue(record.Output, out List<Figures>? sharing))
            return;
        double norm = Math.Sqrt(record.Output.Device.SumOfSquares(record.Output.Gradient!, record.Output.Shape.Length));
        foreach (Figures figures in sharing)
            figures.GradientNorm = norm;
    }

    /// <summary>The figures of all layers, from the input on, blocks behind the layers within them.</summary>
    /// <param name="gradientScale">The factor that makes gradients of the computed loss into gradients of the mean loss.</param>
    public LayerGradientStatistics[] Statistics(double gradientScale) => [.. _layers.Select(layer => _figures[layer.Name].Statistics(gradientScale))];

    /// <summary>The figures with what a step has changed.</summary>
    public LayerGradientStatistics[] WithUpdates(LayerGradientStatistics[] statistics, Dictionary<Parameter, UpdateRatio.Change> changes) =>
        [.. statistics.Select((layer, i) => layer with { UpdateToWeight = UpdateToWeight(_layers[i], changes) })];

    private static double? UpdateToWeight(Layer layer, Dictionary<Parameter, UpdateRatio.Change> changes)
    {
        UpdateRatio.Change total = default;
        foreach (Parameter parameter in Own(layer))
            if (parameter.Kind is ParameterKind.Weight or ParameterKind.Embedding && changes.TryGetValue(parameter, out UpdateRatio.Change change))
                total += change;
        return total.Ratio;
    }

    /// <summary>The trainable parameters that do not belong to a layer within.</summary>
    private static Parameter[] Own(Layer layer)
    {
        var inner = layer.Inner.SelectMany(part => part.Parameters).ToHashSet();
        return [.. layer.Parameters.Where(parameter => parameter.IsTrainable && !inner.Contains(parameter))];
    }

    private sealed class Figures(Layer layer)
    {
        private double _activationNorm;
        private double? _dead, _saturated;
        private int _length;

        public double? GradientNorm { get; set; }

        public void Take(TensorStorage output)
        {
            _length = output.Shape.Length;
            _activationNorm = Math.Sqrt(output.Device.SumOfSquares(output.Values, _length));
            switch (layer.Activation.Kind)
            {
                case ActivationKind.Relu:
                    _dead = ShareOfUnits(output, value => value > 0f, share => share == 0);
                    break;
                case ActivationKind.Sigmoid:
                    _saturated = ShareOfUnits(output, value => value is < (float)NearLimit or > (float)(1 - NearLimit), share => share >= SaturatedShare);
                    break;
                case ActivationKind.Tanh:
                    _saturated = ShareOfUnits(output, value => MathF.Abs(value) > 1 - 2 * (float)NearLimit, share => share >= SaturatedShare);
                    break;
            }
        }

        public LayerGradientStatistics Statistics(double gradientScale)
        {
            Parameter[] own = Own(layer);
            double? gradientNorm = GradientNorm * gradientScale;
            return new LayerGradientStatistics(layer.Name, layer.Description)
            {
                Activation = layer.Activation.Kind,
                ActivationRms = LayerGradientStatistics.RootMeanSquare(_activationNorm, _length)!.Value,
                ActivationGradientNorm = gradientNorm,
                ActivationGradientRms = LayerGradientStatistics.RootMeanSquare(gradientNorm, _length),
                WeightNorm = own.Length == 0 ? null : Math.Sqrt(own.Sum(parameter => SumOfSquares(parameter, parameter.Storage.Values))),
                GradientNorm = own.Length == 0 ? null : gradientScale * Math.Sqrt(own.Sum(parameter => parameter.HasGradient ? SumOfSquares(parameter, parameter.Storage.Gradient!) : 0)),
                DeadUnits = _dead,
                SaturatedUnits = _saturated,
            };
        }

        private static double SumOfSquares(Parameter parameter, Memory.MemoryBlock values) => parameter.Storage.Device.SumOfSquares(values, parameter.Shape.Length);

        /// <summary>The share of the units, which lie along the last axis, whose share of values with a property is as asked.</summary>
        private static double ShareOfUnits(TensorStorage output, Predicate<float> counts, Predicate<double> asked)
        {
            int units = output.Shape[output.Shape.Rank - 1];
            if (output.Shape.Length == 0)
                return 0;
            float[] values = new Tensor(output).ToArray();
            var hits = new long[units];
            for (int i = 0; i < values.Length; i++)
                if (counts(values[i]))
                    hits[i % units]++;
            double each = values.Length / units;
            return (double)hits.Count(count => asked(count / each)) / units;
        }
    }
}
