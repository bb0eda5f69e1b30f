using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Backprop.ML.Tests;

/// <summary>What stands in front of a trained model, behind it and around it in ML.NET: rows taken, filtered, split, written, mapped; models put together.</summary>
public sealed class NeighboursTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;
    private readonly string _folder = Directory.CreateTempSubdirectory("neighbours-").FullName;

    public NeighboursTests() => _data = Samples.View(_ml, 600);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Rows_taken_skipped_shuffled_drawn_and_split_keep_their_scores()
    {
        IDataView scored = Regression().Transform(_data);
        Dictionary<int, int> expected = Scores(scored).ToDictionary(row => row.Index, row => row.Score);
        Assert.Equal(600, expected.Count);
        DataOperationsCatalog.TrainTestData parts = _ml.Data.TrainTestSplit(scored, testFraction: 0.3, seed: 5);
        IReadOnlyList<DataOperationsCatalog.TrainTestData> folds = _ml.Data.CrossValidationSplit(scored, numberOfFolds: 4, seed: 5);
        (IDataView View, int Least, int Most)[] views =
        [
            (_ml.Data.TakeRows(scored, 300), 300, 300),
            (_ml.Data.SkipRows(scored, 299), 301, 301),
            (_ml.Data.TakeRows(_ml.Data.SkipRows(scored, 255), 2), 2, 2),
            (_ml.Data.ShuffleRows(scored, seed: 3), 600, 600),
            (_ml.Data.ShuffleRows(scored, seed: 3, shufflePoolSize: 7, shuffleSource: false), 600, 600),
            (_ml.Data.BootstrapSample(scored, seed: 4), 400, 800),
            (_ml.Data.Cache(scored, "Score", "Index"), 600, 600),
            (_ml.Data.FilterByCustomPredicate<Sample>(scored, row => row.Index % 2 == 0), 300, 300),
            .. folds.Select(fold => (fold.TestSet, 75, 250)),
            (parts.TrainSet, 330, 480),
            (parts.TestSet, 120, 270),
        ];
        foreach ((IDataView view, int least, int most) in views)
        {
            List<(int Index, int Score)> found = Scores(view);
            Assert.InRange(found.Count, least, most);
            Assert.All(found, row => Assert.Equal(expected[row.Index], row.Score));
        }
        Assert.Equal(Enumerable.Range(0, 600), folds.SelectMany(fold => Scores(fold.TestSet)).Select(row => row.Index).Order());
        Assert.Equal(Enumerable.Range(0, 600), Scores(parts.TrainSet).Concat(Scores(parts.TestSet)).Select(row => row.Index).Order());

        // Split first and scored then: the same.
        DataOperationsCatalog.TrainTestData before = _ml.Data.TrainTestSplit(_data, testFraction: 0.3, seed: 5);
        Assert.Equal(Scores(parts.TestSet), Scores(Regression().Transform(before.TestSet)));
    }

    [Fact]
    public void Scored_rows_are_filtered_by_what_was_scored()
    {
        IDataView binary = Binary().Transform(_data);
        float[] probabilities = Samples.Column<float>(binary, "Probability");
        float[] likely = Samples.Column<float>(_ml.Data.FilterRowsByColumn(binary, "Probability", lowerBound: 0.5), "Probability");
        Assert.Equal(probabilities.Where(probability => probability >= 0.5), likely);
        Assert.InRange(likely.Length, 1, 599);
        Assert.Equal(600, Samples.Column<float>(_ml.Data.FilterRowsByMissingValues(binary, "Score"), "Score").Length);

        List<Sample> rows = Samples.Rows(600);
        rows[17].Features[2] = float.NaN;
        IDataView incomplete = Regression().Transform(Samples.View(_ml, rows));
        Assert.Equal(Enumerable.Range(0, 600).Where(i => i != 17), Samples.Column<int>(_ml.Data.FilterRowsByMissingValues(incomplete, "Score"), "Index"));

        IDataView keyed = Multiclass().Transform(_data);
        uint[] labels = Samples.Column<uint>(keyed, "PredictedLabel");
        uint[] kept = Samples.Column<uint>(_ml.Data.FilterRowsByKeyColumnFraction(keyed, "PredictedLabel", 0, 2.0 / 3), "PredictedLabel");
        Assert.Equal(labels.Where(label => label is 1 or 2).Count(), kept.Length);
    }

    [Fact]
    public void Columns_are_selected_dropped_and_renamed_behind_the_model()
    {
        ITransformer model = Regression();
        IEstimator<ITransformer>[] behind =
        [
            _ml.Transforms.SelectColumns("Score", "Index"),
            _ml.Transforms.SelectColumns(["Score", "Index"], keepHidden: true),
            _ml.Transforms.DropColumns("Features", "Text", "Sparse"),
            _ml.Transforms.CopyColumns("Prediction", "Score").Append(_ml.Transforms.DropColumns("Features")),
        ];
        int[] expected = Samples.ScoreBits(model.Transform(_data));
        foreach (IEstimator<ITransformer> estimator in behind)
        {
            ITransformer chain = new TransformerChain<ITransformer>(model, estimator.Fit(model.Transform(_data)));
            Assert.DoesNotContain(chain.GetOutputSchema(_data.Schema), column => column is { Name: "Features", IsHidden: false });
            foreach (ITransformer each in new[] { chain, Again(chain) })
            {
                Assert.Equal(expected, Samples.ScoreBits(each.Transform(_data)));
                Assert.True(each.IsRowToRowMapper);
                using PredictionEngine<Sample, Scored> engine = _ml.Model.CreatePredictionEngine<Sample, Scored>(each);
                Assert.Equal(expected.Take(20), Samples.Rows(600).Take(20).Select(row => BitConverter.SingleToInt32Bits(engine.Predict(row).Score)));
            }
        }
    }

    [Fact]
    public void Scored_text_and_binary_files_are_read_again()
    {
        IDataView scored = _ml.Transforms.SelectColumns("Index", "Score", "PredictedLabel").Fit(Multiclass().Transform(_data)).Transform(Multiclass().Transform(_data));
        string text = Path.Combine(_folder, "scored.tsv");
        using (FileStream stream = File.Create(text))
            _ml.Data.SaveAsText(scored, stream, schema: true);
        IDataView read = _ml.Data.LoadFromTextFile(text, [new("Index", DataKind.Int32, 0), new("Score", DataKind.Single, 1, 3), new("PredictedLabel", DataKind.Single, 4)], hasHeader: true);
        float[][] expected = [.. scored.GetColumn<float[]>("Score")], found = [.. read.GetColumn<float[]>("Score")];
        Assert.Equal(600, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.All(expected[i].Zip(found[i]), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
        Assert.Contains("Score", File.ReadAllText(text)[..2000], StringComparison.Ordinal);
    }

    [Fact]
    public void A_loaded_model_is_appended_to_and_saved_again()
    {
        ITransformer model = Multiclass();
        ITransformer loaded = Again(model);
        ITransformer names = _ml.Transforms.Conversion.MapKeyToValue("Name", "PredictedLabel").Fit(loaded.Transform(_data));
        string[] expected = [.. Samples.Column<ReadOnlyMemory<char>>(names.Transform(model.Transform(_data)), "Name").Select(name => $"{name}")];
        Assert.Subset(Samples.ClassNames.ToHashSet(), expected.ToHashSet());
        foreach (ITransformer each in new[] { loaded.Append(names), Again(loaded.Append(names)), Again(Again(loaded).Append(names)) })
        {
            Assert.Equal(expected, Samples.Column<ReadOnlyMemory<char>>(each.Transform(_data), "Name").Select(name => $"{name}"));
            Assert.Equal(Columns(each.GetOutputSchema(_data.Schema)), Columns(each.Transform(_data).Schema));
            IRowToRowMapper mapper = each.GetRowToRowMapper(_data.Schema);
            Assert.Same(_data.Schema, mapper.InputSchema);
            Assert.Equal(["Features"], mapper.GetDependencies([mapper.OutputSchema["Name"]]).Select(column => column.Name));
            Assert.Equal(["Text"], mapper.GetDependencies([mapper.OutputSchema["Text"]]).Select(column => column.Name));
            using PredictionEngine<Sample, Named> engine = _ml.Model.CreatePredictionEngine<Sample, Named>(each);
            Assert.Equal(expected.Take(20), Samples.Rows(600).Take(20).Select(row => engine.Predict(row).Name));
        }
    }

    // The second network learns from what the first one gives; its columns hide the first one's, and evaluation takes its.
    [Fact]
    public void One_model_stands_behind_another()
    {
        EstimatorChain<NeuralNetworkTransformer> pipeline = _ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 3)
            .Append(_ml.Transforms.CopyColumns("First", "Score"))
            .Append(_ml.Transforms.Concatenate("Both", "Features", "First"))
            .Append(_ml.Regression.Trainers.NeuralNetwork("Number", "Both", numberOfEpochs: 30));
        TransformerChain<NeuralNetworkTransformer> model = pipeline.Fit(_data);
        IDataView scored = model.Transform(_data);
        Assert.Equal(2, scored.Schema.Count(column => column.Name == "Score"));
        Assert.NotEqual(Samples.Column<float>(scored, "First"), Samples.Column<float>(scored, "Score"));
        RegressionMetrics metrics = _ml.Regression.Evaluate(scored, "Number");
        Assert.True(metrics.RSquared > 0.5, $"{metrics.RSquared}");
        Assert.Equal(1u, SetId(scored.Schema["Probability"]));
        Assert.Equal(2u, SetId(scored.Schema["Score"]));
        Assert.Equal(Samples.ScoreBits(scored), Samples.ScoreBits(Again(model).Transform(_data)));
        using PredictionEngine<Sample, Scored> engine = _ml.Model.CreatePredictionEngine<Sample, Scored>(model);
        Assert.Equal(Samples.ScoreBits(scored).Take(20), Samples.Rows(600).Take(20).Select(row => BitConverter.SingleToInt32Bits(engine.Predict(row).Score)));

        static uint SetId(DataViewSchema.Column column)
        {
            uint id = 0;
            column.Annotations.GetValue("ScoreColumnSetId", ref id);
            return id;
        }
    }

    [Fact]
    public void Custom_mappings_stand_in_front_and_behind()
    {
        int mapped = 0;
        EstimatorChain<CustomMappingTransformer<Scored, Doubled>> pipeline = _ml.Transforms.CustomMapping<Sample, Doubled>((row, doubled) => doubled.Twice = [.. row.Features.Select(x => 2 * x)], null)
            .Append(_ml.Regression.Trainers.NeuralNetwork("Number", "Twice", numberOfEpochs: 2).WithOnFitDelegate(_ => mapped++))
            .Append(_ml.Transforms.CustomMapping<Scored, Doubled>((scored, doubled) => doubled.Twice = [scored.Score, scored.Score, 0, 0], null));
        ITransformer model = pipeline.Fit(_data);
        Assert.Equal(1, mapped);
        IDataView result = model.Transform(_data);
        float[] scores = Samples.Column<float>(result, "Score");
        Assert.Equal(scores, result.GetColumn<float[]>("Twice").Select(twice => twice[1]));
        using PredictionEngine<Sample, Scored> engine = _ml.Model.CreatePredictionEngine<Sample, Scored>(model);
        Assert.Equal(scores.Take(20), Samples.Rows(600).Take(20).Select(row => engine.Predict(row).Score));

        // State of the mapping belongs to a cursor: it must see each row once and in order, although the model behind it reads ahead.
        IEstimator<ITransformer> counting = _ml.Transforms.StatefulCustomMapping<Sample, Counted, Count>((_, counted, state) => counted.Number2 = state.Rows++, state => state.Rows = 0, null);
        IDataView numbered = Regression().Transform(counting.Fit(_data).Transform(_data));
        Assert.Equal(Enumerable.Range(0, 600).Select(i => (float)i), Samples.Column<float>(numbered, "Number2"));
        IDataView behind = counting.Fit(Regression().Transform(_data)).Transform(Regression().Transform(_data));
        Assert.Equal(Enumerable.Range(0, 600).Select(i => (float)i), Samples.Column<float>(behind, "Number2"));
    }

    [Fact]
    public void Prediction_engines_take_classes_that_lack_columns_and_schemas_of_their_own()
    {
        ITransformer model = Regression();
        float[] expected = [.. Samples.Column<float>(model.Transform(_data), "Score").Take(20)];
        float[][] features = [.. Samples.Rows(20).Select(row => row.Features)];

        // What is asked for and not there: left alone by default, an error if it may not be missing.
        Exception e = Assert.ThrowsAny<Exception>(() => _ml.Model.CreatePredictionEngine<FeaturesOnly, ScoredAndMore>(model, ignoreMissingColumns: false));
        Assert.Contains("Elsewhere", e.ToString(), StringComparison.Ordinal);
        using (PredictionEngine<FeaturesOnly, ScoredAndMore> engine = _ml.Model.CreatePredictionEngine<FeaturesOnly, ScoredAndMore>(model))
        {
            var found = new ScoredAndMore { Elsewhere = 7 };
            for (int i = 0; i < expected.Length; i++)
            {
                engine.Predict(new FeaturesOnly { Features = features[i] }, ref found);
                Assert.Equal((expected[i], 7f), (found.Score, found.Elsewhere));
            }
        }

        var input = SchemaDefinition.Create(typeof(Sizeless));
        input[nameof(Sizeless.Values)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Samples.FeatureCount);
        input[nameof(Sizeless.Values)].ColumnName = "Features";
        var output = SchemaDefinition.Create(typeof(Renamed));
        output[nameof(Renamed.Price)].ColumnName = "Score";
        var options = new PredictionEngineOptions { InputSchemaDefinition = input, OutputSchemaDefinition = output, OwnsTransformer = true };
        PredictionEngine<Sizeless, Renamed> own = _ml.Model.CreatePredictionEngine<Sizeless, Renamed>(model, options);
        Assert.Equal(expected, features.Select(x => own.Predict(new Sizeless { Values = x }).Price));
        own.Dispose();
        own.Dispose();
        Assert.Equal(expected, Samples.Column<float>(model.Transform(_data), "Score").Take(20)); // it holds nothing that an engine could take away

        Assert.Equal(expected, model.Transform(_ml.Data.LoadFromEnumerable(features.Select(x => new Sizeless { Values = x }), input)).GetColumn<float>("Score"));
        e = Assert.ThrowsAny<Exception>(() => _ml.Model.CreatePredictionEngine<Scored, Scored>(model));
        Assert.Contains("Features", e.Message, StringComparison.Ordinal);
    }

    // As AutoML does it: one estimator for all trials, on threads that know nothing of each other.
    [Fact]
    public void One_estimator_is_fitted_many_times_at_once()
    {
        IDataView other = Samples.View(_ml, 300, seed: 9);
        Func<IEstimator<ITransformer>>[] makers =
        [
            () => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
            {
                LabelColumnName = "Number",
                NumberOfEpochs = 6,
                Network = net => net.Dense(16).BatchNorm().Relu().Dropout(0.2f),
                Optimizer = new AdamW { LearningRate = 1e-2f },
                Schedule = new PlateauSchedule { Patience = 1 },
                GradientClipping = GradientClipping.ByNorm(1f),
                EarlyStopping = new EarlyStopping { Patience = 2 },
                ValidationFraction = 0.2f,
                MemoryBudget = 16_000,
                BatchSize = 32,
                Seed = 3,
            }),
            () => _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 2),
            () => _ml.Transforms.NormalizeMinMax("Features").Append(_ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 2)),
        ];
        foreach (Func<IEstimator<ITransformer>> make in makers)
        {
            IEstimator<ITransformer> estimator = make();
            int[] first = Samples.ScoreBits(estimator.Fit(_data).Transform(_data)), second = Samples.ScoreBits(estimator.Fit(other).Transform(other));
            var found = new int[8][];
            Parallel.For(0, found.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
            {
                IDataView data = i % 2 == 0 ? _data : other;
                found[i] = Samples.ScoreBits(estimator.Fit(data).Transform(data));
            });
            for (int i = 0; i < found.Length; i++)
                Assert.Equal(i % 2 == 0 ? first : second, found[i]);
        }
    }

    [Fact]
    public void A_column_that_hides_another_of_its_name_is_the_one_that_counts()
    {
        IDataView hidden = _ml.Transforms.CustomMapping<Sample, Refeatured>((row, changed) => changed.Features = [.. row.Features.Select(x => -3 * x)], null).Fit(_data).Transform(_data);
        Assert.Equal(2, hidden.Schema.Count(column => column.Name == "Features"));
        IDataView copied = _ml.Transforms.DropColumns("Features").Append(_ml.Transforms.CopyColumns("Features", "Kept")).Append(_ml.Transforms.DropColumns("Kept"))
            .Fit(Kept()).Transform(Kept());
        Assert.Single(copied.Schema, column => column.Name == "Features");
        ITransformer onHidden = _ml.Regression.Trainers.NeuralNetwork(Options()).Fit(hidden), onCopied = _ml.Regression.Trainers.NeuralNetwork(Options()).Fit(copied);
        Assert.Equal(Samples.ScoreBits(onCopied.Transform(copied)), Samples.ScoreBits(onHidden.Transform(hidden)));
        Assert.Equal(Samples.ScoreBits(onCopied.Transform(copied)), Samples.ScoreBits(onCopied.Transform(hidden)));

        IDataView Kept() => _ml.Transforms.CopyColumns("Kept", "Features").Fit(hidden).Transform(hidden);
    }

    [Fact]
    public void A_preview_and_columns_as_arrays_show_the_scores()
    {
        IDataView scored = Multiclass().Transform(_data);
        DataDebuggerPreview preview = scored.Preview(maxRows: 300);
        Assert.Equal(300, preview.RowView.Length);
        Assert.Equal(scored.Schema.Count, preview.ColumnView.Length);
        string[] scores = [.. scored.GetColumn<float[]>("Score").Select(score => Text(new VBuffer<float>(score.Length, score)))];
        Assert.Equal(scores.Take(300), preview.RowView.Select(row => Text((VBuffer<float>)row.Values.Last(value => value.Key == "Score").Value)));
        Assert.Equal(scores, scored.GetColumn<VBuffer<float>>(scored.Schema["Score"]).Select(Text)); // each as it comes: ML.NET uses the buffer again
        Assert.Equal(600, scored.GetColumn<uint>("PredictedLabel").Count(label => label is >= 1 and <= 3));

        static string Text(VBuffer<float> score) => string.Join('|', score.DenseValues().Select(x => x.ToString("R", CultureInfo.InvariantCulture)));
    }

    private static NeuralNetworkRegressionTrainer.Options Options() => new() { LabelColumnName = "Number", NumberOfEpochs = 2, Seed = 1 };

    private NeuralNetworkTransformer Regression() => _ml.Regression.Trainers.NeuralNetwork(Options()).Fit(_data);

    private NeuralNetworkTransformer Binary() => _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { LabelColumnName = "Flag", NumberOfEpochs = 5, Seed = 1 }).Fit(_data);

    private NeuralNetworkTransformer Multiclass() => _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options { LabelColumnName = "Class", NumberOfEpochs = 5, Seed = 1 }).Fit(_data);

    private static List<(int Index, int Score)> Scores(IDataView view)
    {
        // Both in one pass: a shuffled or bootstrapped view need not give the same rows in two.
        var rows = new List<(int, int)>();
        using DataViewRowCursor cursor = view.GetRowCursor([view.Schema["Index"], view.Schema["Score"]]);
        ValueGetter<int> getIndex = cursor.GetGetter<int>(view.Schema["Index"]);
        ValueGetter<float> getScore = cursor.GetGetter<float>(view.Schema["Score"]);
        int index = 0;
        float score = 0;
        while (cursor.MoveNext())
        {
            getIndex(ref index);
            getScore(ref score);
            rows.Add((index, BitConverter.SingleToInt32Bits(score)));
        }
        return rows;
    }

    private ITransformer Again(ITransformer model)
    {
        using var stream = new MemoryStream();
        _ml.Model.Save(model, _data.Schema, stream);
        return new MLContext().Model.Load(new MemoryStream(stream.ToArray()), out _);
    }

    private static IEnumerable<(string, DataViewType)> Columns(DataViewSchema schema) => schema.Select(column => (column.Name, column.Type));

    private sealed class Scored
    {
        public float Score { get; set; }
    }

    private sealed class ScoredAndMore
    {
        public float Score { get; set; }

        public float Elsewhere { get; set; }
    }

    private sealed class Named
    {
        public string Name { get; set; } = "";
    }

    private sealed class Doubled
    {
        [VectorType(Samples.FeatureCount)]
        public float[] Twice { get; set; } = [];
    }

    private sealed class Refeatured
    {
        [VectorType(Samples.FeatureCount)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Counted
    {
        public float Number2 { get; set; }
    }

    private sealed class Count
    {
        public int Rows;
    }

    private sealed class FeaturesOnly
    {
        [VectorType(Samples.FeatureCount)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Sizeless
    {
        public float[] Values { get; set; } = [];
    }

    private sealed class Renamed
    {
        public float Price { get; set; }
    }
}
