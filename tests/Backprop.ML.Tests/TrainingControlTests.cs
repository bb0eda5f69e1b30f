using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Checkpoints, limits and continued training as options of the trainers.</summary>
public sealed class TrainingControlTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("control-").FullName;
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;

    public TrainingControlTests() => _data = Samples.View(_ml, 400);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string FilePath => Path.Combine(_folder, "run.ckpt");

    [Fact]
    public void A_resumed_training_equals_one_that_never_stopped()
    {
        // Contexts without a seed, as in processes of their own: the checkpoint knows the seed.
        NeuralNetworkRegressionTrainer.Options Options(bool resume, CancellationToken token, IProgress<TrainingProgress>? progress, int? seed, string? path) => new()
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 8,
            ValidationFraction = 0.2f,
            GradientAccumulationSteps = 3,
            Network = net => net.Dense(16).Relu().Dropout(0.1f),
            CheckpointPath = path,
            CheckpointEverySteps = path is null ? null : 2,
            ResumeFromCheckpoint = resume,
            CancellationToken = token,
            Progress = progress,
            Seed = seed,
        };
        using var source = new CancellationTokenSource();
        NeuralNetworkTransformer part = new MLContext().Regression.Trainers.NeuralNetwork(Options(false, source.Token, new CancelAfter(3, source.Cancel), null, FilePath)).Fit(_data);
        Assert.Equal((StopReason.Canceled, 3), (part.Model.History!.StopReason, part.Model.History.Epochs.Count));
        List<string> log = [];
        var ml = new MLContext();
        ml.Log += (_, e) => log.Add(e.RawMessage);
        NeuralNetworkTransformer resumed = ml.Regression.Trainers.NeuralNetwork(Options(true, default, null, null, FilePath)).Fit(_data);
        Assert.Contains(log, line => line.StartsWith($"resumed from '{FilePath}': epoch 4, 0 of ", StringComparison.Ordinal));

        int seed = Training.Checkpointing.SeedOf(FilePath)!.Value;
        NeuralNetworkTransformer whole = _ml.Regression.Trainers.NeuralNetwork(Options(false, default, null, seed, null)).Fit(_data);
        Assert.Equal(Samples.ScoreBits(whole.Transform(_data)), Samples.ScoreBits(resumed.Transform(_data)));
        Assert.Equal(8, resumed.Model.History!.Epochs.Count);

        string message = Assert.Throws<InvalidOperationException>(() => ml.Regression.Trainers.NeuralNetwork(Options(true, default, null, null, FilePath)).Fit(Samples.View(_ml, 300))).Message;
        Assert.Contains("training rows was 320 and is now 240", message);

        byte[] bytes = File.ReadAllBytes(FilePath);
        bytes[^1] ^= 1;
        File.WriteAllBytes(FilePath, bytes);
        List<string> warnings = [];
        ml.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        ml.Regression.Trainers.NeuralNetwork(Options(true, default, null, null, FilePath)).Fit(_data);
        Assert.Contains(warnings, line => line.Contains("is no valid Backprop checkpoint", StringComparison.Ordinal) && line.Contains(".previous", StringComparison.Ordinal));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused_when_the_trainer_is_made()
    {
        void Refused(string option, string expected, Action<NeuralNetworkRegressionTrainer.Options> change)
        {
            var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number" };
            change(options);
            ArgumentOutOfRangeException exception = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(options));
            Assert.Equal(option, exception.ParamName);
            Assert.Contains(expected, exception.Message);
        }

        Refused("CheckpointPath", "with ResumeFromCheckpoint", options => options.ResumeFromCheckpoint = true);
        Refused("CheckpointPath", "with CheckpointEverySteps", options => options.CheckpointEverySteps = 5);
        Refused("CheckpointPath", "with CheckpointEveryEpochs", options => options.CheckpointEveryEpochs = 5);
        Refused("CheckpointPath", "is empty", options => options.CheckpointPath = "");
        Refused("CheckpointEverySteps", "is 0", options => options.CheckpointEverySteps = 0);
        Refused("CheckpointEveryEpochs", "is -1", options => options.CheckpointEveryEpochs = -1);
        Refused("GradientAccumulationSteps", "is 0", options => options.GradientAccumulationSteps = 0);
        Refused("MaximumTrainingTime", "a positive time", options => options.MaximumTrainingTime = TimeSpan.Zero);
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", CheckpointPath = _folder }).Fit(_data)).Message);
    }

    [Fact]
    public void A_metric_that_says_nothing_about_the_label_is_refused_when_the_trainer_is_made()
    {
        var accuracy = new EarlyStopping { Metric = ValidationMetric.Accuracy };
        var error = new EarlyStopping { Metric = ValidationMetric.RootMeanSquaredError };
        void Refused(string expected, Func<object> make) => Assert.Contains(expected, Assert.Throws<ArgumentOutOfRangeException>("EarlyStopping", make).Message);
        Refused("is to watch the accuracy", () => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", EarlyStopping = accuracy }));
        Refused("is to watch the root mean squared error", () => _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { EarlyStopping = error }));
        Refused("ValidationMetric.Accuracy in a classification", () => _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options { LabelColumnName = "Class", EarlyStopping = error }));
        TrainingHistory history = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 2, EarlyStopping = error }).Fit(_data).Model.History!;
        Assert.All(history.Epochs, epoch => Assert.NotNull(epoch.Metric));
    }

    [Fact]
    public void A_cancelled_training_gives_the_best_model_so_far()
    {
        using var source = new CancellationTokenSource();
        var options = new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 2_000,
            Schedule = new ConstantSchedule(),
            CancellationToken = source.Token,
            Progress = new CancelAfter(40, source.Cancel),
        };
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(options).Fit(_data);
        Assert.Equal(StopReason.Canceled, model.Model.History!.StopReason);
        Assert.True(_ml.Regression.Evaluate(model.Transform(_data), "Number").RSquared > 0.9);
    }

    [Fact]
    public void Time_limit_and_development_run_end_early()
    {
        var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1_000_000, MaximumTrainingTime = TimeSpan.FromMilliseconds(100) };
        Assert.Equal(StopReason.TimeLimit, _ml.Regression.Trainers.NeuralNetwork(options).Fit(_data).Model.History!.StopReason);
        options = new() { LabelColumnName = "Number", FastDevRun = true, ValidationFraction = 0.2f, CheckpointPath = FilePath };
        TrainingHistory history = _ml.Regression.Trainers.NeuralNetwork(options).Fit(_data).Model.History!;
        Assert.NotNull(Assert.Single(history.Epochs).ValidationLoss);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Validation_rows_may_be_watched_without_restoring_the_best_weights()
    {
        NeuralNetworkTransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            NumberOfEpochs = 60,
            ValidationFraction = 0.3f,
            Optimizer = new Adam { LearningRate = 0.05f },
            EarlyStopping = EarlyStopping.Never,
        }).Fit(_data);
        Assert.Equal((60, 60), (model.Model.History!.Epochs.Count, model.Model.History.BestEpoch));
        Assert.NotNull(model.Model.History.Epochs[0].ValidationLoss);
        Assert.NotEqual(60, model.Model.History.Epochs.MinBy(epoch => epoch.ValidationLoss)!.Epoch);

        model = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            NumberOfEpochs = 60,
            EarlyStopping = new EarlyStopping { Patience = 5, Metric = ValidationMetric.Accuracy },
        }).Fit(_data);
        Assert.Equal(model.Model.History!.Epochs.MaxBy(epoch => epoch.Metric)!.Epoch, model.Model.History.BestEpoch);
    }

    [Fact]
    public void Training_goes_on_from_a_model_with_the_same_predictions()
    {
        // Far from standardised, so that only a right first layer predicts as before.
        List<Sample> rows = Samples.Rows(400);
        rows.ForEach(row => row.Features = [row.Features[0] * 100 + 500, row.Features[1] / 10 - 3, row.Features[2], 7]);
        IDataView data = Samples.View(_ml, rows), other = Samples.View(_ml, rows.Take(250));
        NeuralNetworkTransformer first = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 30).Fit(data);
        int[] before = Samples.ScoreBits(first.Transform(data));
        float[] scores = Samples.Column<float>(first.Transform(data), "Score");

        NeuralNetworkRegressionTrainer Trainer(float rate, int epochs) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = epochs,
            Optimizer = new Adam { LearningRate = rate },
            Seed = 3,
        });
        float[] still = Samples.Column<float>(Trainer(1e-12f, 1).Fit(other, first).Transform(data), "Score");
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(scores[i], still[i], 1e-3f);

        NeuralNetworkTransformer further = Trainer(1e-3f, 30).Fit(data, first.Model);
        Assert.True(_ml.Regression.Evaluate(further.Transform(data), "Number").MeanSquaredError < _ml.Regression.Evaluate(first.Transform(data), "Number").MeanSquaredError);
        Assert.Equal(before, Samples.ScoreBits(first.Transform(data)));
        Assert.NotNull(Trainer(1e-3f, 2).Fit(data, other, first.Model).Model.History!.Epochs[0].ValidationLoss);

        // A loaded model goes on as well.
        string path = Path.Combine(_folder, "model.zip");
        _ml.Model.Save(first, data.Schema, path);
        var loaded = (NeuralNetworkTransformer)_ml.Model.Load(path, out _);
        Assert.Equal(Samples.ScoreBits(Trainer(1e-3f, 3).Fit(data, first).Transform(data)), Samples.ScoreBits(Trainer(1e-3f, 3).Fit(data, loaded).Transform(data)));
    }

    [Fact]
    public void A_model_that_does_not_fit_is_refused()
    {
        NeuralNetworkTransformer number = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1).Fit(_data);
        void Refused(string expected, Func<object> fit) => Assert.Contains(expected, Assert.Throws<InvalidOperationException>(fit).Message);
        Refused("one of Regression, but this is a trainer of MulticlassClassification", () => _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 1).Fit(_data, number));
        Refused("has 1 outputs, but label column 'Class' needs 3", () => _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 1).Fit(_data, number.Model));
        Refused("takes 4 features, but feature column 'Sparse' has 6", () => _ml.Regression.Trainers.NeuralNetwork("Number", "Sparse", numberOfEpochs: 1).Fit(_data, number.Model));
        Refused("The option Network describes other layers", () => _ml.Regression.Trainers.NeuralNetwork(
            new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1, Network = net => net.Dense(3).Relu() }).Fit(_data, number));
    }

    [Fact]
    public void Weights_of_another_network_are_taken_and_frozen_by_layer_name()
    {
        static NetworkBuilder Hidden(NetworkBuilder net) => net.Dense(12).Relu().Dense(8).Relu();
        NeuralNetworkTransformer first = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 10, Network = Hidden }).Fit(_data);
        NeuralNetworkTransformer second = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            NumberOfEpochs = 10,
            Network = Hidden,
            InitialWeights = first.Model.Network,
            Optimizer = new Adam { ParameterGroups = [new ParameterGroup("dense_1", "dense_2") { IsFrozen = true }] },
        }).Fit(_data);
        Assert.Equal(first.Model.Network.Parameters["dense_2.weight"].Value.ToArray(), second.Model.Network.Parameters["dense_2.weight"].Value.ToArray());
        float[] expected = first.Model.Network.Parameters["dense_1.weight"].Value.ToArray(), found = second.Model.Network.Parameters["dense_1.weight"].Value.ToArray();
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-5f); // through standardisation and back
        Assert.Equal(3, second.Model.Network.OutputShape.Length);
    }

    private sealed class CancelAfter(int epochs, Action cancel) : IProgress<TrainingProgress>
    {
        private int _epochs;

        public void Report(TrainingProgress value)
        {
            if (value.IsEndOfEpoch && ++_epochs == epochs)
                cancel();
        }
    }
}
