using System.Globalization;
using System.Text;
using Backprop.Autograd;
using Backprop.Layers;
using Backprop.Tensors;

namespace Backprop;

/// <summary>
/// A network ready to train and predict: shapes inferred, activations fused into the layers before them, parameters made.
/// </summary>
/// <remarks>
/// Training a network is for one thread at a time. <see cref="Predict"/> may be called from any number of threads while
/// nobody trains.
/// </remarks>
public sealed class Network
{
    // Of images one or a few rows at a time: 16 MiB of activations for the processor's 64 rows.
    private const int MaximumPredictionValuesPerRow = 1 << 16;
    private readonly LayerSequence _sequence;
    private readonly int _seed;
    private readonly int _predictionRows;
    private readonly Dictionary<CheckpointPolicy, CheckpointPlan> _plans = [];

    internal Network(NetworkDefinition definition, Shape inputShape, int seed, Device device, ParameterFactory? parameters = null)
    {
        Definition = definition;
        InputShape = inputShape;
        Device = device;
        _seed = seed;
        _sequence = new LayerSequence(definition.Layers, "", inputShape, parameters ?? new ParameterFactory(device, seed));
        long largest = 1;
        foreach (Layer layer in _sequence.Layers)
            largest = Math.Max(largest, layer.WorkingValuesPerRow);
        _predictionRows = (int)Math.Clamp((long)MaximumPredictionValuesPerRow * device.MaximumPredictionRows / largest, 1, device.MaximumPredictionRows);
        OutputShape = _sequence.OutputShape;
        Parameters = new ParameterCollection(_sequence.Parameters);
        if (Parameters.GroupBy(parameter => parameter.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Two parameters are named '{twice.Key}'. Give a layer another name.", nameof(definition));
    }

    /// <summary>What this network was built from.</summary>
    public NetworkDefinition Definition { get; }

    /// <summary>The shape of one row of input.</summary>
    public Shape InputShape { get; }

    /// <summary>The shape of one row of output.</summary>
    public Shape OutputShape { get; }

    /// <summary>Where its parameters live.</summary>
    public Device Device { get; }

    /// <summary>The parameters, in the order of the layers.</summary>
    public ParameterCollection Parameters { get; }

    /// <summary>The number of forward passes in training so far: what random masks depend on besides the seed.</summary>
    public long TrainingStep { get; internal set; }

    internal int Seed => _seed;

    internal ReadOnlySpan<Layer> Layers => _sequence.Layers;

    /// <summary>How many values the weights take that are folded for prediction.</summary>
    internal long FoldedValues => _sequence.FoldedValues;

    /// <summary>Describes and builds a network.</summary>
    /// <param name="configure">The layers, in the words of <see cref="NetworkBuilder"/>.</param>
    /// <param name="inputShape">The shape of one row of input, without the batch axis.</param>
    /// <param name="seed">Fixes the initial weights and the dropout masks. Default 0.</param>
    /// <param name="device">Where it lives; the processor when null.</param>
    /// <exception cref="ShapeException">A layer cannot take what the one before gives; the message names it and the shapes.</exception>
    public static Network Build(Func<NetworkBuilder, NetworkBuilder> configure, Shape inputShape, int seed = 0, Device? device = null) =>
        Build(NetworkDefinition.Create(configure), inputShape, seed, device);

    /// <summary>Builds a network from its definition.</summary>
    /// <inheritdoc cref="Build(Func{NetworkBuilder, NetworkBuilder}, Shape, int, Device?)"/>
    public static Network Build(NetworkDefinition definition, Shape inputShape, int seed = 0, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return new Network(definition, inputShape, seed, device ?? Device.Cpu);
    }

    /// <summary>Applies the network to a batch.</summary>
    /// <param name="input">Shape [N, ...InputShape], on a tape of this network's device.</param>
    /// <param name="training">Whether layers behave as in training (dropout drops). Default: no.</param>
    /// <returns>Shape [N, ...OutputShape].</returns>
    /// <exception cref="ShapeException">The input has another shape; the message names both.</exception>
    public Tensor Forward(Tensor input, bool training = false)
    {
        Shape shape = input.Shape;
        if (shape.Rank == 0 || shape.Row() != InputShape)
            throw new ShapeException($"The network takes a batch of rows of shape {InputShape}, that is [N, {InputShape.ToString()[1..]}; found {shape}.");
        TapeState tape = TapeState.Of("Network", [input.Storage]);
        long step = training ? TrainingStep++ : 0;
        if (tape.IsRecording && !tape.Checkpointing.IsNone && tape.Observer is null) // who looks on sees every layer, and once
            return PlanOf(tape.Checkpointing, shape[0], tape.IsMixed).Forward(input, new SegmentRun(training, step), tape);
        return _sequence.Forward(input, new ForwardContext(training, _seed, step) { IsFolded = !training && !tape.IsRecording }, tape);
    }

    /// <summary>The same under a plan of its own, for tests.</summary>
    internal Tensor Forward(Tensor input, bool training, int[] segmentStarts) => new CheckpointPlan(_sequence, _seed, segmentStarts).Forward(
        input, new SegmentRun(training, training ? TrainingStep++ : 0), TapeState.Of("Network", [input.Storage]));

    /// <summary>How the layers are cut under a policy; <see cref="CheckpointPolicy.Auto"/> by what the device may still use.</summary>
    internal CheckpointPlan PlanOf(CheckpointPolicy policy, int rows, bool isMixed = false)
    {
        if (policy.IsAuto)
        {
            MemoryStatistics memory = Device.Memory;
            long activations = CheckpointPlan.Bytes(PlanOf(CheckpointPolicy.None, rows).ValuesPerRow(isMixed)) * rows, gradients = CheckpointPlan.Bytes(Parameters.TrainableValueCount);
            policy = activations + gradients <= memory.Limit - memory.BytesInUse ? CheckpointPolicy.None : CheckpointPolicy.LeastMemory;
        }

        lock (_plans)
        {
            if (!_plans.TryGetValue(policy, out CheckpointPlan? plan))
                _plans.Add(policy, plan = new CheckpointPlan(_sequence, _seed, policy));
            return plan;
        }
    }

    /// <summary>
    /// Predicts: the output for each row of input. Any number of threads may do so at once. On the processor nothing is allocated on
    /// the managed heap, and a row's output does not depend on its neighbours.
    /// </summary>
    /// <param name="inputs">Rows of InputShape.Length values, one after the other.</param>
    /// <param name="outputs">Receives OutputShape.Length values per row.</param>
    /// <exception cref="ShapeException">The lengths are no whole rows, or the outputs have too little room.</exception>
    /// <exception cref="DeviceException">The GPU that the network lives on failed or was lost.</exception>
    public void Predict(ReadOnlySpan<float> inputs, Span<float> outputs)
    {
        int width = InputShape.Length, outputWidth = OutputShape.Length;
        int rows = width == 0 ? 0 : inputs.Length / width;
        if (rows * width != inputs.Length)
            throw new ShapeException($"A row of input has {width} values; {inputs.Length} are no whole number of rows.");
        if (outputs.Length < (long)rows * outputWidth)
            throw new ShapeException($"{rows} rows give {(long)rows * outputWidth} output values; there is room for {outputs.Length}.");
        for (int row = 0; row < rows; row += _predictionRows)
        {
            int count = Math.Min(_predictionRows, rows - row);
            PredictRows(inputs.Slice(row * width, count * width), count, outputs.Slice(row * outputWidth, count * outputWidth));
        }
    }

    private void PredictRows(ReadOnlySpan<float> inputs, int rows, Span<float> outputs)
    {
        try
        {
            using Tape tape = Tape.ForInference(Device);
            Forward(tape.Input(inputs, InputShape.Batch(rows))).CopyTo(outputs);
        }
        catch (Exception exception) when (exception is not DeviceException && Device.Explain(exception) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>A table of the layers with their output shapes and parameter counts.</summary>
    public string Summary()
    {
        var text = new StringBuilder();
        Layer[] layers = [.. AllLayers(_sequence.Layers.ToArray())];
        int width = layers.Select(layer => layer.Name.Length).Append(16).Max(), kindWidth = layers.Select(layer => layer.Description.Length).Append(20).Max();
        void Row(string layer, string kind, string shape, string parameters) =>
            text.Append(CultureInfo.InvariantCulture, $"{layer.PadRight(width)} {kind.PadRight(kindWidth)} {shape,-16} {parameters,12}\n");

        Row("layer", "kind", "output", "parameters");
        Row("input", "", InputShape.ToString(), "0");
        foreach (Layer layer in layers)
        {
            long count = layer.Inner.Any() ? 0 : layer.Parameters.Where(parameter => parameter.IsTrainable).Sum(parameter => (long)parameter.Shape.Length);
            Row(layer.Name, layer.Description, layer.OutputShape.ToString(), count.ToString("N0", CultureInfo.InvariantCulture));
        }

        Row("total", "", "", Parameters.TrainableValueCount.ToString("N0", CultureInfo.InvariantCulture));
        return text.ToString();
    }

    /// <summary>The summary.</summary>
    public override string ToString() => Summary();

    /// <summary>Blocks come behind the layers within them, as they are computed.</summary>
    internal static IEnumerable<Layer> AllLayers(IEnumerable<Layer> layers) => layers.SelectMany(layer => AllLayers(layer.Inner).Append(layer));
}
