using System.Diagnostics;
using System.Globalization;
using Backprop.Autograd;
using Backprop.Layers;
using Backprop.Training;

namespace Backprop;

/// <summary>
/// Trains a network: forward, loss, backward, clip, step, for every mini-batch of every epoch; then validation, history,
/// early stopping. However a run ends, the network has the weights kept so far: those of its last whole epoch, or with
/// early stopping of its best one, or its initial ones. The same seed and data give the same weights bit for bit, at any number of threads.
/// </summary>
public sealed class TrainingLoop
{
    // Of the time limit, this many times what the validation before took is left to the next one.
    private const double ValidationAllowance = 1.25;

    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    private readonly Network _network;
    private readonly Loss _loss;
    private readonly TrainingOptions _options;
    private readonly OptimizerState _optimizer;
    private readonly BatchAugmenter? _augmenter;
    private readonly LossScaler? _scaler;
    private CheckpointPolicy _checkpointing;

    /// <summary>Prepares the training of a network.</summary>
    /// <param name="network">The network; trained in place.</param>
    /// <param name="loss">What is minimised.</param>
    /// <param name="options">How; the defaults when null.</param>
    /// <exception cref="ArgumentOutOfRangeException">Images are to be augmented, and the network takes none, or none that can be.</exception>
    /// <exception cref="ArgumentException">Two options contradict each other, or a parameter group matches nothing.</exception>
    public TrainingLoop(Network network, Loss loss, TrainingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(loss);
        _network = network;
        _loss = loss;
        _options = options ?? new TrainingOptions();
        _options.CheckTogether();
        _augmenter = BatchAugmenter.Create(_options.Augmentation, network, _options.Seed);
        _scaler = _options.Precision == Precision.MixedFloat16 ? new LossScaler() : null;
        bool[] frozen = Frozen();
        _optimizer = _options.Optimizer.For(network.Parameters);
        Freeze(frozen); // the optimizer's frozen groups are frozen while a run lasts
    }

    /// <summary>Runs the training.</summary>
    /// <param name="training">The examples to learn from.</param>
    /// <param name="validation">Examples to judge by after each epoch; they are not learned from.</param>
    /// <param name="cancellationToken">
    /// Ends the run within one mini-batch. The network then has the weights of its best epoch with early stopping, and otherwise
    /// those of the last step.
    /// </param>
    /// <returns>The history of the run; it says how the run ended.</returns>
    /// <exception cref="ShapeException">The examples do not fit the network or the loss.</exception>
    /// <exception cref="InvalidOperationException">
    /// There are no training rows, validation data without any (or none that counts), a last mini-batch of one row where batch
    /// normalisation needs two, nothing to train because all parameters are frozen, a metric to watch without validation data or that
    /// the loss's targets do not allow, or a checkpoint of another run.
    /// </exception>
    /// <exception cref="InsufficientMemoryException">The run would not fit into the device's memory limit; the message names a batch size that does.</exception>
    /// <exception cref="TrainingDivergedException">The loss, the validation loss or a weight became NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before anything was learned, or later with <see cref="TrainingOptions.ThrowOnCancellation"/>.
    /// </exception>
    /// <exception cref="DeviceException">The GPU failed or was lost; the weights on it are lost too.</exception>
    /// <exception cref="IOException">A checkpoint cannot be written; the one before is untouched.</exception>
    /// <exception cref="InvalidModelException">The checkpoint to resume from is damaged, and so is the one before.</exception>
    public TrainingHistory Run(BatchSource training, BatchSource? validation = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        bool[] frozen = Frozen();
        _optimizer.Freeze();
        try
        {
            return RunFrozen(training, validation, cancellationToken);
        }
        catch (Exception exception) when (exception is not DeviceException && _network.Device.Explain(exception) is { } failure)
        {
            throw failure;
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

        if (_options.EarlyStopping is { Metric: { } watched })
        {
            if (validation is null)
                throw new InvalidOperationException($"Early stopping watches the {watched.Name}, which is measured on validation data, but there are none. Give validation data, or leave EarlyStopping.Metric at null to watch the loss.");
            if (watched.Objection(_network.OutputShape.Length, validation.TargetsPerRow) is { } objection)
                throw new InvalidOperationException($"Early stopping watches the {watched.Name}, but {objection}. Choose another EarlyStopping.Metric, or null to watch the loss.");
        }

        BatchPlan plan = training.Plan(_options.BatchSize);
        TrainingMemory memory = TrainingMemory.Estimate(_network, _options.Optimizer, plan.MostRows, _options.GradientCheckpointing, _options.Precision);
        memory.Check(_network.Device, _network.Parameters);
        _checkpointing = memory.Checkpointing;
        CheckBatches(training, plan);
        var trainingBatch = new Batch(training, plan.MostRows);
        Batch? validationBatch = validation is null ? null : new Batch(validation, validation.Plan(_options.BatchSize).MostRows);
        int batches = _options.FastDevRun ? 1 : plan.Batches;
        int numberOfEpochs = NumberOfEpochs;
        int stepsPerEpoch = (batches + _options.GradientAccumulationSteps - 1) / _options.GradientAccumulationSteps;
        long totalSteps = (long)stepsPerEpoch * numberOfEpochs;
        float initialRate = _options.Optimizer.LearningRate;
        ScheduleState schedule = _options.Schedule.For(totalSteps, stepsPerEpoch);
        ValidationMetric? metric = _options.EarlyStopping?.Metric;

        var best = new BestWeights(_network, _options.EarlyStopping);
        var watch = new GradientWatch(_network);
        var run = new RunState(best, watch, _scaler);
        var measurements = new StepMeasurements(_network.Device, _network.Parameters, watch, _scaler is not null);
        var clock = Stopwatch.StartNew();
        Checkpointing? checkpoints = null;
        TimeSpan epochStart = TimeSpan.Zero, forValidation = TimeSpan.Zero;
        try
        {
            if (_options.WritesCheckpoints)
                checkpoints = new Checkpointing(_options, _network, _loss, _optimizer, schedule, run, training, validation, batches);
            if (_options.ResumeFromCheckpoint && checkpoints?.Resume(out bool isWarning) is { } resumed)
                _options.Progress?.Report(Progress(run, batches, null, 0, run.ElapsedBefore) with { Note = resumed, IsWarning = isWarning });
            long batchesHere = 0;
            bool isTimeUp = false;
            while (run.Epoch <= numberOfEpochs && run.StopReason is null)
            {
                epochStart = clock.Elapsed - run.EpochElapsedBefore;
                TimeSpan lastReport = clock.Elapsed;
                training.Begin(_options.Seed, run.Epoch - 1, _options.Shuffle);
                for (int batch = 0; batch < run.Batch; batch++)
                    trainingBatch.Read(); // done before the checkpoint
                bool isReported = _options.GradientReportInterval > 0 && run.Epoch % _options.GradientReportInterval == 0;
                UpdateRatio? lastStep = null;
                if (run.Batch == 0)
                {
                    watch.Begin();
                    _network.Parameters.ZeroGradients();
                }

                while (run.Batch < batches)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    isTimeUp = batchesHere > 0 && clock.Elapsed + forValidation >= _options.MaximumTrainingTime;
                    if (isTimeUp)
                        break;
                    trainingBatch.Read();
                    _augmenter?.Apply(trainingBatch.RowValues, run.Epoch - 1, run.Rows); // by their place in the epoch, so resumed runs draw the same
                    bool isStep = (run.Batch + 1) % _options.GradientAccumulationSteps == 0 || run.Batch + 1 == batches;
                    double batchLoss = Accumulate(trainingBatch, out double divisor, observer: null, measurements, isStep, run.Step);
                    if (!double.IsFinite(batchLoss))
                        throw Diverged($"The loss became {batchLoss / divisor}", run.Epoch, run.Batch + 1, batches, Search(trainingBatch));
                    if (_scaler is null && !watch.IsFinite()) // a scaled loss may overflow: the step is left out then
                        throw Diverged($"A gradient became NaN or infinite", run.Epoch, run.Batch + 1, batches, Search(trainingBatch));

                    batchesHere++;
                    run.Batch++;
                    run.LossSum += batchLoss;
                    run.DivisorSum += divisor;
                    run.StepDivisor += divisor;
                    run.Rows += trainingBatch.Rows;
                    if (isStep)
                    {
                        schedule.Apply(_optimizer, initialRate, run.Step);
                        if (isReported && run.Batch == batches)
                            lastStep = new UpdateRatio(_network.Parameters);
                        if (run.StepDivisor > 0) // rows that all have weight 0 teach nothing
                        {
                            double? measured = watch.Measure(run.Step, _options.GradientClipping, 1 / (run.StepDivisor * (_scaler?.Scale ?? 1)));
                            if (_scaler is not null)
                            {
                                if (_scaler.Step(_optimizer, _options.GradientClipping, (float)(1 / run.StepDivisor), out double norm))
                                    watch.Note(measured, _options.GradientClipping, norm);
                                else if (_scaler.Scale <= _scaler.MinimumScale)
                                    throw Diverged($"A gradient was NaN or infinite in step after step, down to the smallest loss scale, {_scaler.Scale},", run.Epoch, run.Batch, batches, Search(trainingBatch));
                            }
                            else
                            {
                                double factor = _options.GradientClipping.Factor(_network.Parameters, (float)(1 / run.StepDivisor), out double norm);
                                if (!watch.Note(measured, _options.GradientClipping, norm))
                                    throw Diverged($"A gradient became NaN or infinite", run.Epoch, run.Batch, batches, Search(trainingBatch));
                                _optimizer.Step((float)factor);
                            }
                        }

                        run.Step++;
                        _network.Parameters.ZeroGradients();
                        run.StepDivisor = 0;
                        if (checkpoints is { IsDueAfterStep: true } && lastStep is null) // what the step has changed is still to be reported
                        {
                            if (!WeightsAreFinite()) // nothing to go on from: the checkpoints before it stay
                                throw Diverged($"A weight became NaN or infinite", run.Epoch, run.Batch, batches, Search(trainingBatch));
                            checkpoints.Write(run.ElapsedBefore + clock.Elapsed, clock.Elapsed - epochStart);
                        }
                    }

                    measurements.Forget();
                    if (_options.Progress is not null && run.Batch < batches && clock.Elapsed - lastReport >= ProgressInterval)
                    {
                        lastReport = clock.Elapsed;
                        Report(run, batches, null, run.Rows / (lastReport - epochStart).TotalSeconds, run.ElapsedBefore + lastReport);
                    }
                }

                if (isTimeUp)
                {
                    if (run.Batch > 0 && !WeightsAreFinite())
                        throw Diverged($"A weight became NaN or infinite", run.Epoch, run.Batch, batches, Search(trainingBatch));
                    checkpoints?.Write(run.ElapsedBefore + clock.Elapsed, clock.Elapsed - epochStart); // to go on from in the middle of the epoch
                    run.StopReason = StopReason.TimeLimit;
                    if (run.Batch == 0)
                        break;
                }

                float trainingLoss = (float)(run.LossSum / run.DivisorSum);
                double rowsPerSecond = run.Rows / (clock.Elapsed - epochStart).TotalSeconds;
                if (!WeightsAreFinite()) // after the last step no loss would show it
                    throw Diverged($"A weight became NaN or infinite", run.Epoch, run.Batch, batches, Search(trainingBatch));
                float? metricValue = null;
                TimeSpan validationStart = clock.Elapsed;
                float? validationLoss = validation is null ? null : Evaluate(validation, validationBatch!, metric, out metricValue, clock, cancellationToken);
                forValidation = (clock.Elapsed - validationStart) * ValidationAllowance;
                bool isJudged = validation is null || validationLoss is not null;
                if (!isJudged && !isTimeUp)
                {
                    checkpoints?.Write(run.ElapsedBefore + clock.Elapsed, clock.Elapsed - epochStart); // to go on from with the validation
                    isTimeUp = true;
                    run.StopReason = StopReason.TimeLimit;
                }

                if (validationLoss is { } judged && !float.IsFinite(judged))
                    throw Diverged($"The validation loss became {judged}", run.Epoch, run.Batch, batches, SearchValidation(validation!, validationBatch!));
                if (isJudged)
                    schedule.EndEpoch(validationLoss ?? trainingLoss);
                GradientReport? report = lastStep is null ? null : GradientExamination.OfStep(
                    _network, trainingBatch.Rows, observer => (Accumulate(trainingBatch, out double divisor, observer), divisor), lastStep.Changes(), _optimizer.LearningRate, initialRate);
                run.Epochs.Add(new EpochResult(run.Epoch, trainingLoss, validationLoss, _optimizer.LearningRate, clock.Elapsed - epochStart)
                {
                    Metric = metricValue,
                    MeanGradientNorm = watch.Mean,
                    MaximumGradientNorm = watch.Maximum,
                    GradientReport = report,
                });
                if (isJudged)
                    best.Offer(run.Epoch, metricValue is { } value ? (metric!.HigherIsBetter ? -value : value) : validationLoss ?? trainingLoss);
                else if (best.Epoch == 0 || best.KeepsLatest(run.Epoch))
                    best.Keep(run.Epoch);
                if (run.StopReason is null && best.IsPatienceOver(run.Epoch))
                    run.StopReason = StopReason.EarlyStopping;
                TrainingProgress? progress = _options.Progress is null ? null
                    : Progress(run, batches, validationLoss, rowsPerSecond, run.ElapsedBefore + clock.Elapsed) with { GradientReport = report };
                run.EndEpoch();
                epochStart = clock.Elapsed;
                if (checkpoints is not null && !isTimeUp && (checkpoints.IsDueAfterEpoch || lastStep is not null && checkpoints.IsDueAfterStep))
                    checkpoints.Write(run.ElapsedBefore + clock.Elapsed, TimeSpan.Zero);
                if (progress is not null)
                    _options.Progress!.Report(progress);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            if (run.HasBegun && run.StopReason is null && WeightsAreFinite())
                checkpoints?.Write(run.ElapsedBefore + clock.Elapsed, clock.Elapsed - epochStart);
            if (run.Batch > 0 && (best.Epoch == 0 || best.KeepsLatest(run.Epoch)) && WeightsAreFinite())
                best.Keep(run.Epoch);
            if (_options.ThrowOnCancellation || !run.HasBegun)
                throw;
            run.StopReason = StopReason.Canceled;
        }
        finally
        {
            measurements.Forget();
            best.Restore(); // however the run ends
            _network.Parameters.ReleaseGradients();
        }

        return run.History();
    }

    private int NumberOfEpochs => _options.FastDevRun ? 1 : _options.NumberOfEpochs;

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
        return Evaluate(examples, new Batch(examples, examples.Plan(_options.BatchSize).MostRows), null, out _, clock: null, CancellationToken.None)!.Value;
    }

    /// <summary>Adds the gradient of a mini-batch's summed loss to the parameters'.</summary>
    private double Accumulate(Batch batch, out double divisor, TapeObserver? observer, StepMeasurements? measurements = null, bool isStep = false, long step = 0)
    {
        // An observer sees every layer once, in 32 bits and with gradients that are not scaled.
        using Tape tape = observer is null ? new Tape(_network.Device, _checkpointing, _options.Precision) : new Tape(_network.Device);
        tape.State.Observer = observer;
        Tensor output = _network.Forward(batch.Features(tape), training: true);
        Tensor loss = _loss.Sum(output, batch.Targets, batch.Weights);
        divisor = _loss.Divisor(batch.Rows, batch.Targets, batch.Weights);
        observer?.LayerDone(tape.State, DivergenceSearch.LossName, loss.Storage);
        if (loss.RequiresGradient)
            tape.Backward(loss, [observer is null && _scaler is not null ? _scaler.Scale : 1f]);
        measurements?.Fetch(loss.Storage, isStep, step, _options.GradientClipping);
        return loss.ToScalar();
    }

    /// <summary>Computes a failed step once more, with the same masks, and looks where it fails first.</summary>
    private DivergenceSearch.Place? Search(Batch batch)
    {
        _network.Device.ForgetAnticipated();
        var search = new DivergenceSearch(_network);
        search.Look(batch.RowValues, _network.InputShape.Length, batch.Targets, batch.TargetsPerRow);
        _network.TrainingStep--;
        _network.Parameters.ZeroGradients();
        Accumulate(batch, out _, search);
        search.LookAtStatistics();
        return search.Found;
    }

    /// <summary>The same for a validation that gave no number.</summary>
    private DivergenceSearch.Place? SearchValidation(BatchSource validation, Batch batch)
    {
        validation.Begin(_options.Seed, 0, shuffle: false);
        var search = new DivergenceSearch(_network);
        search.LookAtStatistics(); // here they are what normalises
        while (search.Found is null && batch.Read() > 0)
        {
            search.Look(batch.RowValues, _network.InputShape.Length, batch.Targets, batch.TargetsPerRow);
            using Tape tape = Tape.ForInference(_network.Device);
            tape.State.Observer = search;
            Tensor output = _network.Forward(batch.Features(tape));
            search.LayerDone(tape.State, DivergenceSearch.LossName, _loss.Sum(output, batch.Targets, batch.Weights).Storage);
        }

        return search.Found;
    }

    /// <summary>The mean loss; null if the time of the run was up before all was seen.</summary>
    private float? Evaluate(BatchSource examples, Batch batch, ValidationMetric? metric, out float? metricValue, Stopwatch? clock, CancellationToken cancellationToken)
    {
        metricValue = null;
        double lossSum = 0, divisorSum = 0;
        var mean = new MetricMean(metric);
        examples.Begin(_options.Seed, 0, shuffle: false);
        while (batch.Read() > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (clock?.Elapsed >= _options.MaximumTrainingTime)
                return null;
            using Tape tape = Tape.ForInference(_network.Device);
            Tensor output = _network.Forward(batch.Features(tape));
            lossSum += _loss.Sum(output, batch.Targets, batch.Weights).ToScalar();
            divisorSum += _loss.Divisor(batch.Rows, batch.Targets, batch.Weights);
            mean.Add(output, batch.Targets, batch.Weights);
            if (_options.FastDevRun)
                break;
        }

        if (divisorSum == 0)
            throw new InvalidOperationException("The validation rows all have weight 0, so they have no mean loss. Give rows that count, or none at all to train without validation.");
        metricValue = mean.Value;
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
    private void CheckBatches(BatchSource training, BatchPlan plan)
    {
        long rows = training.RowCount;
        int batchSize = (int)Math.Min(_options.BatchSize, rows);
        foreach (Layer layer in _network.Layers)
        {
            if (layer.RowsNeededInTraining <= plan.FewestRows)
                continue;
            int other = batchSize + 1;
            while (other < rows && training.Plan(other).FewestRows < layer.RowsNeededInTraining)
                other++;
            throw new InvalidOperationException(
                $"Layer '{layer.Name}' normalises over the mini-batch and needs at least {layer.RowsNeededInTraining} rows, but of {rows} rows in mini-batches of {batchSize} the last may have {plan.FewestRows}. " +
                (rows >= layer.RowsNeededInTraining ? $"Use another batch size, such as {other}, or one row more or less." : "Train with more rows."));
        }
    }

    private void Report(RunState run, int batches, float? validationLoss, double rowsPerSecond, TimeSpan elapsed) =>
        _options.Progress?.Report(Progress(run, batches, validationLoss, rowsPerSecond, elapsed));

    private TrainingProgress Progress(RunState run, int batches, float? validationLoss, double rowsPerSecond, TimeSpan elapsed) =>
        new(run.Epoch, NumberOfEpochs, run.Batch, batches, (float)(run.LossSum / run.DivisorSum), validationLoss, _optimizer.LearningRate, rowsPerSecond, elapsed);

    private bool WeightsAreFinite()
    {
        foreach (Parameter parameter in _network.Parameters.AsSpan())
            if (!double.IsFinite(_network.Device.SumOfSquares(parameter.Storage.Values, parameter.Shape.Length)))
                return false;
        return true;
    }

    private TrainingDivergedException Diverged(FormattableString what, int epoch, int batch, int batches, DivergenceSearch.Place? place) => new(
        string.Create(CultureInfo.InvariantCulture, $"{what.ToString(CultureInfo.InvariantCulture)} in epoch {epoch}, batch {batch} of {batches}: training stopped, and the network has the weights it had kept. ") +
        (place is null ? "" : $"The first value that is not finite is {place.What}. ") +
        (_scaler is null || place is not null ? "" :
            $"Computed again in 32 bits the step has only finite values: numbers have outgrown 16-bit floats, which end at 65,504. Set {nameof(TrainingOptions.Precision)} to {nameof(Precision.MixedBFloat16)}, which reaches as far as 32 bits and takes as little memory, or to {nameof(Precision.Float32)}. ") +
        $"{(_scaler is null || place is not null ? "Likely" : "Other")} causes: a learning rate that is too high (divide it by 10), exploding gradients (GradientClipping.ByNorm(1)), or very large or non-finite features or targets (leave normalisation on, remove such rows).",
        epoch, batch)
    {
        Layer = place?.Layer,
        Operation = place?.Operation,
        IsInBackwardPass = place?.IsBackward ?? false,
    };

    /// <summary>Room for one mini-batch, used again for each.</summary>
    private sealed class Batch(BatchSource source, int size)
    {
        private readonly float[] _features = new float[(long)size * source.RowShape.Length];
        private readonly float[] _targets = new float[size * source.TargetsPerRow];
        private readonly float[] _weights = new float[source.HasWeights ? size : 0];

        public int Rows { get; private set; }

        public int TargetsPerRow => source.TargetsPerRow;

        public Span<float> RowValues => _features.AsSpan(0, Rows * source.RowShape.Length);

        public ReadOnlySpan<float> Targets => _targets.AsSpan(0, Rows * source.TargetsPerRow);

        public ReadOnlySpan<float> Weights => _weights.AsSpan(0, source.HasWeights ? Rows : 0);

        public int Read() => Rows = source.Read(_features, _targets, _weights);

        public Tensor Features(Tape tape) => tape.Input(RowValues, source.RowShape.Batch(Rows));
    }
}
