using System.Globalization;
using System.Text.Json;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Training;

/// <summary>
/// Writes the state of a run to its checkpoint and brings it back: parameters with their running statistics, the kept
/// weights, the optimizer, the schedule, the counters that all random numbers depend on, the place in the epoch, gradients
/// that wait for their step, and the history.
/// </summary>
internal sealed class Checkpointing
{
    private const string ParameterPrefix = "parameter/", BestPrefix = "best/", GradientPrefix = "gradient/", OptimizerPrefix = "optimizer/";
    private readonly string _path;
    private readonly TrainingOptions _options;
    private readonly Network _network;
    private readonly OptimizerState _optimizer;
    private readonly ScheduleState _schedule;
    private readonly RunState _run;
    private readonly int _batches, _stepsPerEpoch;
    private readonly Dictionary<string, string> _description;
    private bool _newestIsDamaged;

    /// <exception cref="IOException">No checkpoint can be written to the path.</exception>
    public Checkpointing(
        TrainingOptions options, Network network, Loss loss, OptimizerState optimizer, ScheduleState schedule, RunState run, BatchSource training,
        BatchSource? validation, int batches)
    {
        _path = options.CheckpointPath!;
        (_options, _network, _optimizer, _schedule, _run, _batches) = (options, network, optimizer, schedule, run, batches);
        _stepsPerEpoch = (batches + options.GradientAccumulationSteps - 1) / options.GradientAccumulationSteps;
        _description = RunDescription.Of(network, loss, options, training, validation);
        CheckpointFile.CheckWritable(_path);
    }

    /// <summary>Whether a checkpoint is due after a step.</summary>
    public bool IsDueAfterStep => _options.CheckpointEverySteps is { } steps && _run.Step % steps == 0;

    /// <summary>Whether a checkpoint is due after an epoch, of which <see cref="RunState"/> has just gone on to the next.</summary>
    public bool IsDueAfterEpoch
    {
        get
        {
            int? every = _options.CheckpointEveryEpochs ?? (_options.CheckpointEverySteps is null ? 1 : null);
            return _run.StopReason is not null || _run.Epoch > _options.NumberOfEpochs || (every is { } epochs && (_run.Epoch - 1) % epochs == 0);
        }
    }

    /// <summary>Writes the state of the run.</summary>
    /// <param name="elapsed">How long the run has taken, before it was resumed included.</param>
    /// <param name="epochElapsed">How long the running epoch has taken.</param>
    /// <exception cref="IOException">It cannot be written; the checkpoint before is untouched.</exception>
    public void Write(TimeSpan elapsed, TimeSpan epochElapsed)
    {
        bool bestIsNetwork = _run.Best.AreThoseOfTheNetwork();
        var content = new CheckpointContent(
            _description, _options.NumberOfEpochs, _network.TrainingStep, _run.Epoch, _run.Batch, _run.Step, _run.LossSum, _run.DivisorSum, _run.StepDivisor,
            _run.Rows, _run.Watch.Norms, _run.Scaler?.Scale ?? 1f, _run.Scaler?.GoodSteps ?? 0, elapsed, epochElapsed, _run.StopReason, Numbers(_optimizer.StateNumbers()), Numbers(_schedule.StateNumbers()),
            new KeptWeights(_run.Best.Epoch, _run.Best.ImprovedEpoch, _run.Best.Lowest, _run.Best.Reference, bestIsNetwork), [.. _run.Epochs]);
        var tensors = new List<CheckpointTensor>();
        foreach (Parameter parameter in _network.Parameters)
            tensors.Add(new(ParameterPrefix + parameter.Name, parameter.Shape, _network.Device, parameter.Storage.Values));
        foreach (Parameter parameter in _network.Parameters)
            if (parameter.HasGradient)
                tensors.Add(new(GradientPrefix + parameter.Name, parameter.Shape, _network.Device, parameter.Storage.Gradient!));
        foreach ((string name, Shape shape, MemoryBlock block) in _optimizer.StateTensors())
            tensors.Add(new(OptimizerPrefix + name, shape, _network.Device, block));
        for (int i = 0; i < _network.Parameters.Count && !bestIsNetwork; i++)
            tensors.Add(new(BestPrefix + _network.Parameters[i].Name, _network.Parameters[i].Shape, _run.Best.Values[i]));
        CheckpointFile.Write(_path, content.ToJson(), tensors, _newestIsDamaged);
        _newestIsDamaged = false;
    }

    /// <summary>Goes on from the newest checkpoint that is whole.</summary>
    /// <param name="isWarning">Whether it is not the newest one.</param>
    /// <returns>What was done, for the log; null if there is no checkpoint.</returns>
    /// <exception cref="InvalidModelException">There are checkpoints, but none is whole.</exception>
    /// <exception cref="InvalidOperationException">The checkpoint is that of another run; the message lists all differences.</exception>
    public string? Resume(out bool isWarning)
    {
        isWarning = false;
        var damaged = new List<InvalidModelException>();
        foreach (string path in (string[])[_path, CheckpointFile.PreviousOf(_path)])
        {
            if (!File.Exists(path))
                continue;
            try
            {
                using CheckpointReader reader = CheckpointFile.Open(path);
                Restore(path, reader);
            }
            catch (InvalidModelException exception)
            {
                damaged.Add(exception);
                continue;
            }

            string place = string.Create(CultureInfo.InvariantCulture, $"resumed from '{path}': epoch {_run.Epoch}, {_run.Batch} of {_batches} mini-batches done, step {_run.Step}");
            isWarning = _newestIsDamaged = damaged.Count > 0;
            return !isWarning ? place : $"{damaged[0].Message} The checkpoint before it is used: {place}";
        }

        return damaged.Count == 0 ? null : throw damaged[0];
    }

    /// <summary>The seed of the run that a checkpoint is of; null if there is no whole one.</summary>
    public static int? SeedOf(string path)
    {
        foreach (string candidate in (string[])[path, CheckpointFile.PreviousOf(path)])
        {
            if (!File.Exists(candidate))
                continue;
            try
            {
                using CheckpointReader reader = CheckpointFile.Open(candidate);
                if (int.TryParse(CheckpointContent.FromJson(reader.Json).Options.GetValueOrDefault(nameof(TrainingOptions.Seed)), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int seed))
                    return seed;
            }
            catch (Exception exception) when (exception is InvalidModelException or JsonException or NotSupportedException or ArgumentException)
            {
                // Resuming will say so.
            }
        }

        return null;
    }

    private void Restore(string path, CheckpointReader reader)
    {
        CheckpointContent content;
        try
        {
            content = CheckpointContent.FromJson(reader.Json);
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException or ArgumentException or FormatException or OverflowException)
        {
            throw Invalid(path, $"its state is malformed: {exception.Message}", exception);
        }

        CheckCourse(path, content);
        CheckNumbers(path, content);
        Dictionary<string, SafeTensors.Entry> tensors = CheckTensors(path, reader, content);

        // From here on only a file made to deceive fails; then the run begins as if there had been none.
        _optimizer.Reset();
        try
        {
            foreach ((string name, double value) in content.Optimizer)
                _optimizer.RestoreNumber(name, value);
            foreach ((string name, double value) in content.Schedule)
                _schedule.RestoreNumber(name, value);
            foreach ((string name, SafeTensors.Entry tensor) in tensors)
                if (name.StartsWith(OptimizerPrefix, StringComparison.Ordinal))
                    _optimizer.RestoreTensor(name[OptimizerPrefix.Length..], reader.Values(tensor));
        }
        catch (ArgumentException exception)
        {
            _optimizer.Reset();
            throw Invalid(path, exception.Message, exception);
        }

        for (int i = 0; i < _network.Parameters.Count; i++)
        {
            Parameter parameter = _network.Parameters[i];
            float[] values = reader.Values(tensors[ParameterPrefix + parameter.Name]);
            parameter.Value.SetValues(values);
            (content.Best.AreThoseOfTheNetwork ? values : reader.Values(tensors[BestPrefix + parameter.Name])).CopyTo(_run.Best.Values[i], 0);
            parameter.ZeroGradient();
            if (tensors.TryGetValue(GradientPrefix + parameter.Name, out SafeTensors.Entry gradient))
                parameter.SetGradient(reader.Values(gradient));
        }

        _network.TrainingStep = content.TrainingStep;
        (_run.Best.Epoch, _run.Best.ImprovedEpoch, _run.Best.Lowest, _run.Best.Reference, _) = content.Best;
        (_run.Epoch, _run.Batch, _run.Step, _run.Rows) = (content.Epoch, content.Batch, content.Step, content.Rows);
        (_run.LossSum, _run.DivisorSum, _run.StepDivisor) = (content.LossSum, content.DivisorSum, content.StepDivisor);
        _run.Watch.Norms = content.GradientNorms;
        if (_run.Scaler is { } scaler)
            (scaler.Scale, scaler.GoodSteps) = (content.LossScale, content.GoodSteps);
        (_run.ElapsedBefore, _run.EpochElapsedBefore, _run.StopReason) = (content.Elapsed, content.EpochElapsed, content.StopReason);
        _run.Epochs.Clear();
        _run.Epochs.AddRange(content.Epochs);
    }

    /// <summary>A run goes on only as it was: all that decides its course is compared.</summary>
    private void CheckCourse(string path, CheckpointContent content)
    {
        List<string> differences = RunDescription.Differences(content.Options, _description);
        if (content.NumberOfEpochs != _options.NumberOfEpochs && differences.Count == 0 && ChangesTheCourse(content))
            differences.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(_options.NumberOfEpochs)} was {content.NumberOfEpochs} and is now {_options.NumberOfEpochs}, which changes the learning rates of the steps taken, or is less than were run"));
        if (differences.Count > 0)
            throw new InvalidOperationException(
                $"The checkpoint '{path}' is that of another run, so this one cannot go on from it: {string.Join("; ", differences)}. Set them as they were, or choose another CheckpointPath to begin afresh.");
    }

    /// <summary>Whether the steps taken would have been others with the number of epochs that is asked for now.</summary>
    private bool ChangesTheCourse(CheckpointContent content)
    {
        if (content.Epoch > _options.NumberOfEpochs + 1)
            return true;
        ScheduleState before = _options.Schedule.For((long)_stepsPerEpoch * content.NumberOfEpochs, _stepsPerEpoch);
        ScheduleState now = _options.Schedule.For((long)_stepsPerEpoch * _options.NumberOfEpochs, _stepsPerEpoch);
        long steps = Math.Min(content.Step, (long)_stepsPerEpoch * Math.Min(content.NumberOfEpochs, _options.NumberOfEpochs));
        for (long step = 0; step < steps; step++)
            if (before.FactorAt(step) != now.FactorAt(step) || before.MomentumAt(step) != now.MomentumAt(step))
                return true;
        return false;
    }

    private void CheckNumbers(string path, CheckpointContent content)
    {
        if (content.Epoch < 1 || content.Batch < 0 || content.Batch > _batches || content.Step < 0 || content.TrainingStep < 0 || content.Rows < 0
            || content.Epochs.Contains(null!) || content.Best.Epoch < 0 || content.Best.ImprovedEpoch < 0 || content.Elapsed < TimeSpan.Zero || content.EpochElapsed < TimeSpan.Zero
            || !double.IsFinite(content.LossSum) || !double.IsFinite(content.DivisorSum) || !double.IsFinite(content.StepDivisor)
            || content.GradientNorms is not { Sum: >= 0 and < double.PositiveInfinity, Maximum: >= 0 and < double.PositiveInfinity, Count: >= 0 } || content.LossScale is not (> 0 and < float.PositiveInfinity) || content.GoodSteps < 0)
            throw Invalid(path, "its state has a number that no run could have");
    }

    /// <summary>Sees that every tensor is one of this run and has its shape, and that none is missing.</summary>
    private Dictionary<string, SafeTensors.Entry> CheckTensors(string path, CheckpointReader reader, CheckpointContent content)
    {
        Dictionary<string, SafeTensors.Entry> tensors = reader.Tensors.ToDictionary(tensor => tensor.Name);
        int known = 0;
        foreach (Parameter parameter in _network.Parameters)
        {
            foreach ((string prefix, bool isNeeded) in (ReadOnlySpan<(string, bool)>)[(ParameterPrefix, true), (BestPrefix, !content.Best.AreThoseOfTheNetwork), (GradientPrefix, false)])
            {
                bool isThere = tensors.TryGetValue(prefix + parameter.Name, out SafeTensors.Entry tensor);
                if (isThere ? tensor.Shape != parameter.Shape : isNeeded)
                    throw Invalid(path, $"the tensor '{prefix}{parameter.Name}' of shape {parameter.Shape} is missing or has another shape");
                known += isThere ? 1 : 0;
            }
        }

        known += tensors.Keys.Count(name => name.StartsWith(OptimizerPrefix, StringComparison.Ordinal));
        return known == tensors.Count ? tensors : throw Invalid(path, $"it has {tensors.Count - known} tensors that do not belong to this run");
    }

    private static Dictionary<string, double> Numbers(IEnumerable<(string Name, double Value)> numbers) => numbers.ToDictionary(number => number.Name, number => number.Value);

    private static InvalidModelException Invalid(string path, string reason, Exception? cause = null) => new(path, reason, 0, cause);
}
