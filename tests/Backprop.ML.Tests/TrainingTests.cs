using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

public sealed class TrainingTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;

    public TrainingTests() => _data = Samples.View(_ml, 400);

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_seed_others()
    {
        int[] Bits(int seed, int? optionSeed)
        {
            var ml = new MLContext(seed);
            return Samples.ScoreBits(ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
            {
                LabelColumnName = "Number",
                NumberOfEpochs = 3,
                Seed = optionSeed,
                ValidationFraction = 0.2f,
                Network = net => net.Dense(16).Relu().Dropout(0.1f),
            }).Fit(_data).Transform(_data));
        }

        Assert.Equal(Bits(1, null), Bits(1, null));
        Assert.NotEqual(Bits(1, null), Bits(2, null));
        Assert.Equal(Bits(1, 7), Bits(2, 7));
        Assert.NotEqual(Bits(1, 7), Bits(1, 8));
    }

    [Fact]
    public void Activations_that_are_computed_again_change_nothing_and_mixed_precision_little()
    {
        int[] Bits(CheckpointPolicy policy, Precision precision) => Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 3,
            Seed = 3,
            Network = net => net.Dense(16).BatchNorm().Relu().Dropout(0.1f).Dense(8).Tanh(),
            GradientCheckpointing = policy,
            Precision = precision,
        }).Fit(_data).Transform(_data));

        int[] plain = Bits(CheckpointPolicy.None, Precision.Float32);
        Assert.Equal(plain, Bits(CheckpointPolicy.EveryLayers(1), Precision.Float32));
        Assert.Equal(plain, Bits(CheckpointPolicy.LeastMemory, Precision.Float32));
        Assert.Equal(plain, Bits(CheckpointPolicy.Auto, Precision.Float32));
        foreach (Precision precision in new[] { Precision.MixedBFloat16, Precision.MixedFloat16 })
        {
            int[] mixed = Bits(CheckpointPolicy.None, precision);
            Assert.NotEqual(plain, mixed);
            double spread = plain.Max(Value) - plain.Min(Value);
            Assert.All(plain.Zip(mixed), pair => Assert.InRange(Math.Abs(Value(pair.First) - Value(pair.Second)), 0, 0.1 * spread));
        }

        static double Value(int bits) => BitConverter.Int32BitsToSingle(bits);
    }

    [Fact]
    public void Fitting_the_same_trainer_again_gives_the_same_bits()
    {
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 2);
        Assert.Equal(Samples.ScoreBits(trainer.Fit(_data).Transform(_data)), Samples.ScoreBits(trainer.Fit(_data).Transform(_data)));
    }

    [Fact]
    public void Options_are_copied_when_the_trainer_is_made()
    {
        var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 2 };
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork(options);
        options.LabelColumnName = "Nope";
        options.NumberOfEpochs = 5;
        Assert.Equal(2, trainer.Fit(_data).Model.History!.Epochs.Count);
    }

    [Fact]
    public void Progress_and_log_tell_how_it_goes()
    {
        var reports = new Reports();
        List<string> log = [];
        _ml.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Info)
                log.Add(e.RawMessage);
        };
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 4,
            BatchSize = 50,
            ValidationFraction = 0.25f,
            Progress = reports,
        }).Fit(_data);
        Assert.Equal([1, 2, 3, 4], reports.All.Where(report => report.IsEndOfEpoch).Select(report => report.Epoch));
        Assert.All(reports.All.Where(report => report.IsEndOfEpoch), report => Assert.NotNull(report.ValidationLoss));
        Assert.Contains(log, line => line.StartsWith("300 rows of 4 features to train on, 100 to validate; 4 epochs at most, batches of 50.", StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains(model.Model.Summary(), StringComparison.Ordinal));
        Assert.Equal(4, log.Count(line => line.StartsWith("epoch ", StringComparison.Ordinal)));
        Assert.Contains(log, line => line.StartsWith("Training ended after 4 epochs", StringComparison.Ordinal));
        Assert.Equal(4, model.Model.History!.Epochs.Count);
    }

    [Fact]
    public void Gradient_reports_join_history_progress_and_log()
    {
        var reports = new Reports();
        List<string> info = [], warnings = [];
        _ml.Log += (_, e) => (e.Kind == ChannelMessageKind.Warning ? warnings : info).Add(e.RawMessage);
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            Network = net => net.Dense(8).Relu(),
            Optimizer = new Sgd { LearningRate = 1e-8f },
            Schedule = new ConstantSchedule(),
            NumberOfEpochs = 4,
            GradientReportInterval = 2,
            Progress = reports,
        }).Fit(_data);
        Assert.Equal([2, 4], reports.All.Where(report => report.GradientReport is not null).Select(report => report.Epoch));
        Assert.Equal([2, 4], model.Model.History!.Epochs.Where(epoch => epoch.GradientReport is not null).Select(epoch => epoch.Epoch));
        Assert.Contains(info, line => line.StartsWith("After epoch 2: Gradient report: ", StringComparison.Ordinal) && line.Contains("dense_1", StringComparison.Ordinal));
        Assert.Equal(2, warnings.Count(line => line.StartsWith("The learning rate 1E-08 is too low", StringComparison.Ordinal)));
        Assert.Contains("GradientReportInterval", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { GradientReportInterval = -1 })).Message);
    }

    [Fact]
    public void The_number_of_threads_does_not_change_a_bit()
    {
        int[] Train(int? threads) => Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            Network = net => net.Dense(300).Relu().Dense(200).Relu(),
            NumberOfEpochs = 2,
            NumberOfThreads = threads,
            Seed = 5,
        }).Fit(_data).Transform(_data));
        Assert.Equal(Train(1), Train(null));
        Assert.Equal(Train(1), Train(8));
    }

    [Fact]
    public void A_long_training_does_not_flood_the_log()
    {
        int lines = 0;
        _ml.Log += (_, e) => lines += e.Kind == ChannelMessageKind.Info && e.RawMessage.StartsWith("epoch ", StringComparison.Ordinal) ? 1 : 0;
        _ml.Regression.Trainers.NeuralNetwork("Number", hiddenUnits: [], numberOfEpochs: 100, batchSize: 400).Fit(_data);
        Assert.InRange(lines, 10, 25);
    }

    [Fact]
    public void A_token_stops_the_training()
    {
        using var source = new CancellationTokenSource();
        var options = new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 2_000,
            CancellationToken = source.Token,
            ThrowOnCancellation = true,
            Progress = new CancelAfter(3, source.Cancel),
        };
        OperationCanceledException e = Assert.ThrowsAny<OperationCanceledException>(() => _ml.Regression.Trainers.NeuralNetwork(options).Fit(_data));
        Assert.Equal("Operation was canceled.", e.Message);
        Assert.ThrowsAny<OperationCanceledException>(() => _ml.Regression.Trainers.NeuralNetwork(options).Fit(_data));       // before it begins
    }

    [Fact]
    public void The_cancellation_of_the_context_stops_the_training()
    {
        // MLContext.CancelExecution is internal to ML.NET; Microsoft.ML.Experimental calls it.
        void Cancel() => typeof(MLContext).GetMethod("CancelExecution", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.Invoke(_ml, null);
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 2_000,
            Progress = new CancelAfter(3, Cancel),
        });
        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Fit(_data));
    }

    [Fact]
    public void Weights_count_like_repeated_rows()
    {
        List<Sample> rows = Samples.Rows(60);
        rows.ForEach(row => row.Weight = row.Index % 2 == 0 ? 1 : 3);
        IEnumerable<Sample> repeated = rows.SelectMany(row => Enumerable.Repeat(row, (int)row.Weight));

        // Without standardisation and in one batch, both see the same function of the weights.
        static NeuralNetworkMulticlassTrainer.Options Options(string? weight) => new()
        {
            LabelColumnName = "Class",
            ExampleWeightColumnName = weight,
            NormalizeFeatures = false,
            Network = net => net,
            NumberOfEpochs = 200,
            BatchSize = 1000,
            Seed = 1,
            Optimizer = new Adam { LearningRate = 0.05f },
        };
        float[] Scores(IDataView data, string? weight) => [.. Samples.Column<VBuffer<float>>(
            _ml.MulticlassClassification.Trainers.NeuralNetwork(Options(weight)).Fit(data).Transform(_data), "Score").SelectMany(score => score.DenseValues())];
        float[] weighted = Scores(Samples.View(_ml, rows), "Weight"), expected = Scores(Samples.View(_ml, repeated), null), unweighted = Scores(Samples.View(_ml, rows), null);
        Assert.All(weighted.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
        Assert.Contains(unweighted.Zip(expected), pair => Math.Abs(pair.First - pair.Second) > 0.02);
    }

    [Fact]
    public void Validation_data_decide_which_weights_are_kept()
    {
        // Validation labels that contradict the training: the first epoch is the best, and its weights are what is left.
        List<Sample> contrary = Samples.Rows(100, seed: 2);
        contrary.ForEach(row => row.Number = -row.Number);
        NeuralNetworkRegressionTrainer Trainer(int epochs) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = epochs,
            EarlyStopping = new EarlyStopping { Patience = 3 },
            Schedule = new ConstantSchedule(),
            Seed = 1,
        });
        NeuralNetworkTransformer stopped = Trainer(50).Fit(_data, Samples.View(_ml, contrary));
        TrainingHistory history = stopped.Model.History!;
        Assert.Equal(StopReason.EarlyStopping, history.StopReason);
        Assert.InRange(history.Epochs.Count, 4, 10);
        Assert.Equal(history.Epochs.MinBy(epoch => epoch.ValidationLoss)!.Epoch, history.BestEpoch);
        NeuralNetworkTransformer same = Trainer(history.BestEpoch).Fit(_data, Samples.View(_ml, contrary));
        Assert.Equal(Samples.ScoreBits(same.Transform(_data)), Samples.ScoreBits(stopped.Transform(_data)));
    }

    [Fact]
    public void Class_weights_and_smoothing_act_as_their_definitions_say()
    {
        // Rows of the first class weigh three times as much: the same as their example weights.
        List<Sample> rows = Samples.Rows(60, seed: 3);
        rows.ForEach(row => row.Weight = row.Flag ? 3 : 1);
        float[] Scores(string? weight, ClassWeights? classes, float smoothing = 0) => [.. Samples.Column<float>(
            _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
            {
                LabelColumnName = "Flag",
                ExampleWeightColumnName = weight,
                ClassWeights = classes,
                LabelSmoothing = smoothing,
                NumberOfEpochs = 30,
                Seed = 1,
            }).Fit(Samples.View(_ml, rows)).Transform(Samples.View(_ml, rows)), "Score")];
        float[] byClass = Scores(null, ClassWeights.Of(1f, 3f));
        Assert.All(byClass.Zip(Scores("Weight", null)), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        Assert.NotEqual(byClass, Scores(null, null));
        Assert.True(Scores(null, null, smoothing: 0.4f).Max(MathF.Abs) < Scores(null, null).Max(MathF.Abs));
    }

    [Fact]
    public void A_quantile_loss_predicts_a_quantile()
    {
        List<Sample> rows = Samples.Rows(400, seed: 4);
        float Share(float quantile)
        {
            IDataView data = Samples.View(_ml, rows);
            float[] scores = [.. Samples.Column<float>(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
            {
                LabelColumnName = "Number",
                Loss = new QuantileLoss { Quantile = quantile },
                Network = net => net,
                NumberOfEpochs = 100,
                Seed = 1,
            }).Fit(data).Transform(data), "Score")];
            return rows.Zip(scores).Count(pair => pair.First.Number < pair.Second) / (float)rows.Count;
        }

        Assert.InRange(Share(0.9f), 0.85f, 0.95f);
        Assert.InRange(Share(0.2f), 0.15f, 0.25f);
    }

    // The standardisation is part of the network: shifting and scaling features and label gives the same predictions, moved along.
    [Fact]
    public void Units_of_features_and_label_do_not_matter()
    {
        List<Sample> rows = Samples.Rows(400), moved = Samples.Rows(400);
        foreach (Sample row in moved)
        {
            row.Features = [row.Features[0] * 1000 + 50_000, row.Features[1] * 1e-4f, row.Features[2] - 3, row.Features[3]];
            row.Number = row.Number * 1e5f + 3e5f;
        }
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 20, Seed = 1 });
        IDataView plain = Samples.View(_ml, rows), other = Samples.View(_ml, moved);
        float[] expected = Samples.Column<float>(trainer.Fit(plain).Transform(plain), "Score"), found = Samples.Column<float>(trainer.Fit(other).Transform(other), "Score");
        Assert.All(found.Zip(expected), pair => Assert.Equal(pair.Second, (pair.First - 3e5f) / 1e5f, 0.05));
        Assert.True(RSquared(plain, expected) > 0.9);

        double RSquared(IDataView data, float[] scores)
        {
            float[] labels = Samples.Column<float>(data, "Number");
            double mean = labels.Average();
            return 1 - labels.Zip(scores).Sum(pair => Math.Pow(pair.First - pair.Second, 2)) / labels.Sum(label => Math.Pow(label - mean, 2));
        }
    }

    [Fact]
    public void A_constant_feature_has_no_say_in_predictions()
    {
        List<Sample> rows = Samples.Rows(300);
        rows.ForEach(row => row.Features[3] = 7);
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 2).Fit(Samples.View(_ml, rows));
        int[] expected = Samples.ScoreBits(model.Transform(Samples.View(_ml, rows)));
        rows.ForEach(row => row.Features[3] = -1000);
        Assert.Equal(expected, Samples.ScoreBits(model.Transform(Samples.View(_ml, rows))));
    }

    [Fact]
    public void A_constant_label_is_learned()
    {
        List<Sample> rows = Samples.Rows(100);
        rows.ForEach(row => row.Number = 1234.5f);
        float[] scores = Samples.Column<float>(_ml.Regression.Trainers.NeuralNetwork("Number").Fit(Samples.View(_ml, rows)).Transform(Samples.View(_ml, rows)), "Score");
        Assert.All(scores, score => Assert.Equal(1234.5, score, 1.0));
    }

    [Fact]
    public void The_network_option_decides_the_layers_and_the_trainer_adds_the_last()
    {
        NeuralNetworkTransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            Network = net => net.Dense(5).Relu().Dropout(0.1f),
            NumberOfEpochs = 1,
        }).Fit(_data);
        Assert.Equal(4, model.Model.Network.InputShape.Length);
        Assert.Equal(3, model.Model.Network.OutputShape.Length);
        Assert.Equal(4 * 5 + 5 + 5 * 3 + 3, model.Model.Network.Parameters.TrainableValueCount);
    }

    [Fact]
    public void A_diverging_training_says_so()
    {
        Exception e = Assert.Throws<TrainingDivergedException>(() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            Optimizer = new Sgd { LearningRate = 1e30f },
            NumberOfEpochs = 50,
        }).Fit(_data));
        Assert.Contains("learning rate", e.Message);
    }

    [Fact]
    public void It_takes_part_in_cross_validation_and_feature_importance()
    {
        IEstimator<ITransformer> named = _ml.Transforms.Concatenate("Joined", "Number", "Weight").Append(_ml.BinaryClassification.Trainers.NeuralNetwork("Flag", "Joined", numberOfEpochs: 30));
        Assert.All(_ml.BinaryClassification.CrossValidate(_data, named, 3, "Flag"), fold => Assert.True(fold.Metrics.Accuracy > 0.9));

        // The features need slot names, which Concatenate gives.
        ITransformer model = _ml.Transforms.Concatenate("Joined", "Number", "Weight").Append(_ml.Regression.Trainers.NeuralNetwork("Number", "Joined")).Fit(_data);
        System.Collections.Immutable.ImmutableDictionary<string, RegressionMetricsStatistics> importance = _ml.Regression.PermutationFeatureImportance(model, model.Transform(_data), "Number");
        Assert.True(importance["Number"].RSquared.Mean < 10 * importance["Weight"].RSquared.Mean);
    }

    [Fact]
    public void A_row_count_that_is_unknown_or_wrong_does_not_matter()
    {
        IDataView reader = _ml.Data.LoadFromEnumerable(Samples.Rows(3000).Where(_ => true));
        Assert.Null(reader.GetRowCount());
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1, hiddenUnits: []).Fit(reader);
        IDataView listed = _ml.Data.LoadFromEnumerable(Samples.Rows(3000));
        Assert.Equal(3000, listed.GetRowCount());
        Assert.Single(model.Model.History!.Epochs);
    }

    [Fact]
    public void Validation_rows_are_chosen_evenly_from_the_classes()
    {
        float[] labels = [.. Enumerable.Range(0, 1000).Select(i => i < 900 ? 0f : i < 999 ? 1f : 2f)];
        bool[] Choose(int seed)
        {
            var split = ValidationSplit.Choose(labels.Length, row => (int)labels[row], 3, 0.1f, seed);
            Assert.Equal([90, 10, 0], split.Counts);
            return [.. labels.Select((label, row) => split.IsHeldOut(row, (int)label))];
        }
        bool[] chosen = Choose(1);
        Assert.Equal(chosen, Choose(1));
        Assert.NotEqual(chosen, Choose(2));
        Assert.Equal([90, 10, 0], Enumerable.Range(0, 3).Select(label => labels.Where((found, row) => found == label && chosen[row]).Count()));
    }

    [Theory]
    [InlineData(2, 0.1f, 1)]
    [InlineData(2, 0.99f, 1)]
    [InlineData(1, 0.5f, 0)]
    [InlineData(100_000, 0.2f, 20_000)]
    public void Validation_rows_are_as_many_as_the_fraction_says(int rows, float fraction, int expected)
    {
        var split = ValidationSplit.Choose(rows, null, 0, fraction, seed: 5);
        Assert.Equal(expected, Enumerable.Range(0, rows).Count(row => split.IsHeldOut(row, 0)));
    }

    [Fact]
    public void Standardization_gives_mean_0_and_variance_1()
    {
        float[] matrix = [1e6f + 1, -5, 3, 1e6f + 2, -5, 4, 1e6f + 3, -5, 8];
        var moments = new ColumnMoments(3);
        moments.Add(matrix);
        Standardization measured = Standardization.Of(moments, 3, scaleOfConstants: 0);
        measured.Apply(matrix);
        for (int column = 0; column < 3; column++)
        {
            float[] values = [matrix[column], matrix[3 + column], matrix[6 + column]];
            Assert.Equal(0, values.Average(), 1e-6);
            Assert.Equal(column == 1 ? 0 : 1, values.Average(value => value * value), 1e-6);
        }
    }

    private sealed class Reports : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> All { get; } = [];

        public void Report(TrainingProgress value) => All.Add(value);
    }

    private sealed class CancelAfter(int reports, Action cancel) : IProgress<TrainingProgress>
    {
        private int _left = reports;

        public void Report(TrainingProgress value)
        {
            if (--_left == 0)
                cancel();
        }
    }
}
