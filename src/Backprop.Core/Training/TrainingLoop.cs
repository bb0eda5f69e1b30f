using System.Diagnostics;
using System.Globalization;
using Backprop.Layers;

namespace Backprop;

/// <summary>
/// Trains a network: forward, loss, backward, clip, step, for every mini-batch of every epoch; then validation, history,
/// early stopping. However a run ends, the network has the weights kept so far: those of its last whole epoch, or with
/// early stopping of its best one, or its initial ones. The same seed and data give the same weights bit for bit, at any number of threads.
/// </summary>
public sealed class TrainingLoop
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    private readonly Network _network;
    private readonly Loss _loss;
    private readonly TrainingOptions _options;
    private readonly OptimizerState _optimizer;
    private readonly LossScaler? _scaler;
    private CheckpointPolicy _checkpointing;

    /// <summary>Prepares the training of a network.</summary>
    /// <param name="network">The network; trained in place.</param>
    /// <param name="loss">What is minimised.</param>
    /// <param name="options">How; the defaults when null.</param>
    public TrainingLoop(Network network, Loss loss, TrainingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(loss);
        _network = network;
        _loss = loss;
        _options = options ?? new TrainingOptions();
        _scaler = _options.Precision == Precision.MixedFloat16 ? new LossScaler() : null;
        bool[] frozen = Frozen();
        _optimizer = _options.Optimizer.For(network.Parameters);
        Freeze(frozen); // the optimizer's frozen groups are frozen while a run lasts
    }

    /// <summary>Runs the training.</summary>
    /// <param name="training">The examples to learn from.</param>
    /// <param name="validation">Examples to judge by after each epoch; they are not learned from.</param>
    /// <param name="cancellationToken">Ends the run within one mini-batch; the network then has the weights it had kept.</param>
    /// <returns>The history of the run.</returns>
    /// <exception cref="ShapeException">The examples do not fit the network or the loss.</exception>
    /// <exception cref="InvalidOperationException">
    /// There are no training rows, validation data without any, a last mini-batch of one row where batch normalisation needs two,
    /// or nothing to train because all parameters are frozen.
    /// </exception>
    /// <exception cref="InsufficientMemoryException">The run would not fit into the device's memory limit; the message names a batch size that does.</exception>
    /// <exception cref="TrainingDivergedException">The loss, the validation loss or a weight became NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TrainingHistory Run(BatchSource training, BatchSource? validation = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        bool[] frozen = Frozen();
        _optimizer.Freeze();
        try
        {
            return RunFrozen(training, validation, cancellationToken);
        }
        finally
        {
            Freeze(frozen);
        }
    }

    private TrainingHistory RunFrozen(BatchSource training, BatchSource? validation, CancellationToken cancellationToken)
    {
        Check(training, "training");
        if (validation is not null)
            Check(validation, "validation");
        if (training.RowCount == 0)
            throw new InvalidOperationException("There are no training rows.");
        if (validation?.RowCount == 0)
            throw new InvalidOperationException("There are no validation rows. Give none at all to train without validation.");
        if (_network.Parameters.TrainableValueCount == 0 && _network.Parameters.Any(parameter => parameter.IsFrozen))
            throw new InvalidOperationException("All parameters of the network are frozen, so there is nothing to train. Leave a layer, the last one perhaps, out of the frozen groups.");

        int batchSize = (int)Math.Min(_options.BatchSize, training.RowCount);
        TrainingMemory memory = TrainingMemory.Estimate(_network, _options.Optimizer, batchSize, _options.GradientCheckpointing, _options.Precision);
        memory.Check(_network.Device, _network.Parameters);
        _checkpointing = memory.Checkpointing;
        CheckBatches(training.RowCount, batchSize);
        var trainingBatch = new Batch(training, batchSize);
        Batch? validationBatch = validation is null ? null : new Batch(validation, batchSize);
        int batches = (int)((training.RowCount + batchSize - 1) / batchSize);
        int stepsPerEpoch = (batches + _options.GradientAccumulationSteps - 1) / _options.GradientAccumulationSteps;
        long totalSteps = (long)stepsPerEpoch * _options.NumberOfEpochs;
        float initialRate = _options.Optimizer.LearningRate;
        ScheduleState schedule = _options.Schedule.For(totalSteps, stepsPerEpoch);

        var best = new BestWeights(_network);
        var epochs = new List<EpochResult>();
        var clock = Stopwatch.StartNew();
        var reason = StopReason.Completed;
        long step = 0;
        try
        {
            for (int epoch = 1; epoch <= _options.NumberOfEpochs && reason == StopReason.Completed; epoch++)
            {
                TimeSpan epochStart = clock.Elapsed, lastReport = epochStart;
                training.Begin(_options.Seed, epoch - 1, _options.Shuffle);
                double lossSum = 0, divisorSum = 0, stepDivisor = 0;
                long rows = 0;
                _network.Parameters.ZeroGradients();
                for (int batch = 1; batch <= batches; batch++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    trainingBatch.Read();
                    double batchLoss = Accumulate(trainingBatch, out double divisor);
                    if (!double.IsFinite(batchLoss))
                        throw Diverged($"The loss became {(batchLoss / divisor).ToString(CultureInfo.InvariantCulture)}", epoch, batch, batches);

                    lossSum += batchLoss;
                    divisorSum += divisor;
                    stepDivisor += divisor;
                    rows += trainingBatch.Rows;
                    if (batch % _options.GradientAccumulationSteps == 0 || batch == batches)
                    {
                        schedule.Apply(_optimizer, initialRate, step++);
                        if (stepDivisor > 0 && _scaler is not null)
                            _scaler.Step(_optimizer, _options.GradientClipping, (float)(1 / stepDivisor));
                        else if (stepDivisor > 0) // rows that all have weight 0 teach nothing
                            _optimizer.Step((float)_options.GradientClipping.Factor(_network.Parameters, (float)(1 / stepDivisor), out _));
                        _network.Parameters.ZeroGradients();
                        stepDivisor = 0;
                    }

                    if (_options.Progress is not null && batch < batches && clock.Elapsed - lastReport >= ProgressInterval)
                    {
                        lastReport = clock.Elapsed;
                        Report(epoch, batch, batches, lossSum / divisorSum, null, rows / (lastReport - epochStart).TotalSeconds, lastReport);
                    }
                }

                float trainingLoss = (float)(lossSum / divisorSum);
                double rowsPerSecond = rows / (clock.Elapsed - epochStart).TotalSeconds;
                if (!WeightsAreFinite()) // after the last step no loss would show it
                    throw Diverged("A weight became NaN or infinite", epoch, batches, batches);
                float? validationLoss = validation is null ? null : Evaluate(validation, validationBatch!, cancellationToken);
                if (validationLoss is { } judged && !float.IsFinite(judged))
                    throw Diverged($"The validation loss became {judged.ToString(CultureInfo.InvariantCulture)}", epoch, batches, batches);
                schedule.EndEpoch(validationLoss ?? trainingLoss);
                epochs.Add(new EpochResult(epoch, trainingLoss, validationLoss, _optimizer.LearningRate, clock.Elapsed - epochStart));
                Report(epoch, batches, batches, trainingLoss, validationLoss, rowsPerSecond, clock.Elapsed);

                best.Offer(epoch, validationLoss ?? trainingLoss, _options.EarlyStopping?.MinimumChange ?? 0f, keepsLatest: _options.EarlyStopping is null);
                if (_options.EarlyStopping is { } stopping && epoch - best.ImprovedEpoch >= stopping.Patience)
                    reason = StopReason.EarlyStopping;
            }
        }
        finally
        {
            best.Restore(); // however the run ends
            _network.Parameters.ReleaseGradients();
        }

        return new TrainingHistory(epochs, best.Epoch, reason);
    }

    private bool[] Frozen() => [.. _network.Parameters.Select(parameter => parameter.IsFrozen)];

    private void Freeze(bool[] frozen)
    {
        for (int i = 0; i < frozen.Length; i++)
            _network.Parameters[i].IsFrozen = frozen[i];
    }

    /// <summary>The mean loss of the network on examples, as in prediction.</summary>
    /// <exception cref="ShapeException">The examples do not fit the network or the loss.</exception>
    /// <exception cref="InvalidOperationException">There are no rows.</exception>
    public float Evaluate(BatchSource examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        Check(examples, "evaluation");
        if (examples.RowCount == 0)
            throw new InvalidOperationException("There are no rows to evaluate.");
        return Evaluate(examples, new Batch(examples, (int)Math.Clamp(examples.RowCount, 1, _options.BatchSize)), CancellationToken.None);
    }

    /// <summary>Adds the gradient of a mini-batch's summed loss to the parameters'.</summary>
    private double Accumulate(Batch batch, out double divisor)
    {
        using var tape = new Tape(_network.Device, _checkpointing, _options.Precision);
        Tensor output = _network.Forward(batch.Features(tape), training: true);
        Tensor loss = _loss.Sum(output, batch.Targets, batch.Weights);
        divisor = _loss.Divisor(batch.Rows, batch.Targets, batch.Weights);
        if (loss.RequiresGradient)
            tape.Backward(loss, [_scaler?.Scale ?? 1f]);
        return loss.ToScalar();
    }

    private float Evaluate(BatchSource examples, Batch batch, CancellationToken cancellationToken)
    {
        double lossSum = 0, divisorSum = 0;
        examples.Begin(_options.Seed, 0, shuffle: false);
        while (batch.Read() > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tape tape = Tape.ForInference(_network.Device);
            Tensor output = _network.Forward(batch.Features(tape));
            lossSum += _loss.Sum(output, batch.Targets, batch.Weights).ToScalar();
            divisorSum += _loss.Divisor(batch.Rows, batch.Targets, batch.Weights);
        }

        return (float)(lossSum / divisorSum);
    }

    private void Check(BatchSource source, string role)
    {
        if (source.RowShape != _network.InputShape)
            throw new ShapeException($"The {role} rows have shape {source.RowShape}, but the network takes {_network.InputShape}.");
        int targets = _loss.TargetsPerRow(_network.OutputShape);
        if (source.TargetsPerRow != targets)
            throw new ShapeException($"The {role} rows have {source.TargetsPerRow} targets, but the loss takes {targets} for an output of shape {_network.OutputShape}.");
    }

    /// <summary>Fails if the last mini-batch would be too short for a layer, rather than in the middle of the run.</summary>
    private void CheckBatches(long rows, int batchSize)
    {
        int last = (int)((rows - 1) % batchSize) + 1;
        foreach (Layer layer in _network.Layers)
        {
            if (layer.RowsNeededInTraining <= last)
                continue;
            int other = batchSize + 1;
            while (other < rows && (rows - 1) % other + 1 < layer.RowsNeededInTraining)
                other++;
            throw new InvalidOperationException(
                $"Layer '{layer.Name}' normalises over the mini-batch and needs at least {layer.RowsNeededInTraining} rows, but of {rows} rows in mini-batches of {batchSize} the last has {last}. " +
                (rows >= layer.RowsNeededInTraining ? $"Use another batch size, such as {other}, or one row more or less." : "Train with more rows."));
        }
    }

    private void Report(int epoch, int batch, int batches, double loss, float? validationLoss, double rowsPerSecond, TimeSpan elapsed) =>
        _options.Progress?.Report(new TrainingProgress(
            epoch, _options.NumberOfEpochs, batch, batches, (float)loss, validationLoss, _optimizer.LearningRate, rowsPerSecond, elapsed));

    private bool WeightsAreFinite()
    {
        foreach (Parameter parameter in _network.Parameters.AsSpan())
            if (!double.IsFinite(_network.Device.SumOfSquares(parameter.Storage.Values, parameter.Shape.Length)))
                return false;
        return true;
    }

    private static TrainingDivergedException Diverged(string what, int epoch, int batch, int batches) => new(
        string.Create(CultureInfo.InvariantCulture, $"{what} in epoch {epoch}, batch {batch} of {batches}: training stopped, and the network has the weights it had kept. ") +
        "Likely causes: a learning rate that is too high (divide it by 10), exploding gradients (GradientClipping.ByNorm(1)), or very large or non-finite features or targets (leave normalisation on, remove such rows).",
        epoch, batch);

    /// <summary>Room for one mini-batch, used again for each.</summary>
    private sealed class Batch(BatchSource source, int size)
    {
        private readonly float[] _features = new float[(long)size * source.RowShape.Length];
        private readonly float[] _targets = new float[size * source.TargetsPerRow];
        private readonly float[] _weights = new float[source.HasWeights ? size : 0];

        public int Rows { get; private set; }

        public ReadOnlySpan<float> Targets => _targets.AsSpan(0, Rows * source.TargetsPerRow);

        public ReadOnlySpan<float> Weights => _weights.AsSpan(0, source.HasWeights ? Rows : 0);

        public int Read() => Rows = source.Read(_features, _targets, _weights);

        public Tensor Features(Tape tape) => tape.Input(_features.AsSpan(0, Rows * source.RowShape.Length), source.RowShape.Batch(Rows));
    }

    /// <summary>A copy of the weights of the best epoch so far.</summary>
    private sealed class BestWeights
    {
        private readonly Network _network;
        private readonly float[][] _values;
        private float _lowest = float.PositiveInfinity;
        private float _reference = float.PositiveInfinity;

        public BestWeights(Network network)
        {
            _network = network;
            _values = [.. network.Parameters.Select(parameter => parameter.Value.ToArray())];
        }

        /// <summary>The epoch of the kept weights; 0 for the initial ones.</summary>
        public int Epoch { get; private set; }

        /// <summary>The last epoch whose loss fell by more than the required change.</summary>
        public int ImprovedEpoch { get; private set; }

        public void Offer(int epoch, float loss, float minimumChange, bool keepsLatest)
        {
            if (loss < _reference - minimumChange)
                (ImprovedEpoch, _reference) = (epoch, loss);
            if (!(loss < _lowest) && !keepsLatest)
                return;
            if (loss < _lowest)
                _lowest = loss;
            Epoch = epoch;
            for (int i = 0; i < _values.Length; i++)
                _network.Parameters[i].Value.CopyTo(_values[i]);
        }

        public void Restore()
        {
            for (int i = 0; i < _values.Length; i++)
                _network.Parameters[i].Value.SetValues(_values[i]);
        }
    }
}
