using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;
using Xunit.Abstractions;

namespace Backprop.ML.Tests;

/// <summary>Features in several columns, of which keys become embeddings.</summary>
public sealed class FeatureColumnTests(ITestOutputHelper output)
{
    private readonly MLContext _ml = new(seed: 1);

    private IDataView Data => field ??= MixedRows.View(_ml, MixedRows.Rows(600));

    [Theory]
    [InlineData("Number")]
    [InlineData("Flag")]
    [InlineData("Class")]
    public void Conforms(string label)
    {
        IDataView Copied(string column, string source) => _ml.Transforms.CopyColumns(column, source).Fit(Data).Transform(Data);
        IDataView without = _ml.Transforms.DropColumns("Colour").Fit(Data).Transform(Data), noKey = Copied("Colour", "ColourName"), noNumber = Copied("Age", "ColourName");
        IDataView noVector = Copied("Numbers", "Age"), noFlag = Copied("Member", "Age"), noKeys = Copied("Tags", "Colour"), longer = _ml.Transforms.Concatenate("Numbers", "Numbers", "Age").Fit(Data).Transform(Data);
        // A column may be of another kind in training, but then it stays of that kind.
        Conformance.Check(_ml, Trainer(label, epochs: 1), Data, [without, noKey, noNumber], [without, noKey, noNumber, noVector, noFlag, noKeys, longer],
            [.. Data.Schema.Select(column => column.Name).Where(MixedRows.Features.Contains)]);
    }

    [Fact]
    public void Every_kind_of_column_counts()
    {
        RegressionMetrics metrics = _ml.Regression.Evaluate(Trainer("Number", epochs: 60).Fit(Data).Transform(MixedRows.View(_ml, MixedRows.Rows(500, 2))), "Number");
        output.WriteLine($"R2 {metrics.RSquared:0.0000}");
        Assert.True(metrics.RSquared > 0.97, $"{metrics.RSquared}"); // without the colours alone, 0.3 would be the most
    }

    [Fact]
    public void A_prediction_engine_gives_the_bits_of_batch_scoring_and_allocates_nothing()
    {
        List<MixedRow> rows = MixedRows.Rows(100);
        ITransformer keys = MixedRows.Keys(_ml).Fit(_ml.Data.LoadFromEnumerable(MixedRows.Rows(500, 99)));
        IDataView data = keys.Transform(_ml.Data.LoadFromEnumerable(rows));
        var model = (ITransformer)Trainer("Number", epochs: 2).Fit(data);
        using PredictionEngine<MixedRow, Score> whole = _ml.Model.CreatePredictionEngine<MixedRow, Score>(new TransformerChain<ITransformer>(keys, model));
        Assert.Equal(Samples.ScoreBits(model.Transform(data)), rows.Select(row => BitConverter.SingleToInt32Bits(whole.Predict(row).Value)));

        // ML.NET allocates for every text that it maps, and for a key that it reads from an object: numbers are mapped here.
        List<KeyedRow> keyed = [.. rows.Select((row, i) => new KeyedRow { Numbers = row.Numbers, Age = row.Age, Member = row.Member, Answers = row.Answers, ColourNumber = i % 9, Tags = [(uint)(i % 5), 1] })];
        IDataView numbers = _ml.Data.LoadFromEnumerable(keyed.Where(row => row.ColourNumber < 7));
        ITransformer mapping = _ml.Transforms.Conversion.MapValueToKey("Colour", "ColourNumber").Fit(numbers);
        using PredictionEngine<KeyedRow, Score> engine = _ml.Model.CreatePredictionEngine<KeyedRow, Score>(new TransformerChain<ITransformer>(mapping, model));
        var score = new Score();
        long allocated = long.MaxValue;
        for (int round = 0; round < 500 && allocated > 0; round++) // the runtime allocates at moments of its own; a prediction that allocates does so in every round
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
                engine.Predict(keyed[i % keyed.Count], ref score);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void A_missing_or_unknown_key_has_a_row_of_its_own()
    {
        List<MixedRow> rows = MixedRows.Rows(400);
        foreach (MixedRow row in rows.Take(100))
        {
            row.ColourName = ""; // missing: no key
            row.Number = 10;
        }

        IDataView data = MixedRows.View(_ml, rows);
        NeuralNetworkTransformer model = Trainer("Number", epochs: 60).Fit(data);
        Assert.Equal(10, Samples.Column<float>(model.Transform(data), "Score").Take(100).Average(), 0.5); // no row was left out, and the network has learned what it means
        Assert.All(model.Model.Network.Definition.Layers.OfType<EmbedColumnsDefinition>().Single().Columns, column => Assert.True(column.Dimension > 1));

        // Keys of another number: those beyond the ones of training are as if they were missing. In objects keys are counted from 0.
        float[] Scores<T>(uint colour)
            where T : KeyedRow, new() => Samples.Column<float>(model.Transform(_ml.Data.LoadFromEnumerable(new[] { new T { Colour = colour } })), "Score");
        float[] missing = Scores<KeyedRow>(7);
        Assert.Equal(missing, Scores<MoreColours>(7));
        Assert.Equal(missing, Scores<MoreColours>(20));
        Assert.Equal(Scores<KeyedRow>(6), Scores<MoreColours>(6));
        Assert.NotEqual(missing, Scores<MoreColours>(6));
    }

    [Fact]
    public void Only_the_columns_that_are_needed_are_asked_for()
    {
        NeuralNetworkTransformer model = Trainer("Number", epochs: 1).Fit(Data);
        IRowToRowMapper mapper = model.GetRowToRowMapper(Data.Schema);
        Assert.Equal(MixedRows.Features.Order(), mapper.GetDependencies([mapper.OutputSchema["Score"]]).Select(column => column.Name).Order());
        Assert.Equal(["Age"], mapper.GetDependencies([mapper.OutputSchema["Age"]]).Select(column => column.Name));
        IDataView scored = model.Transform(Data);
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["Age"]]);
        Assert.False(cursor.IsColumnActive(scored.Schema["Colour"]));
    }

    [Fact]
    public void One_vector_may_be_named_either_way()
    {
        IDataView data = Samples.View(_ml, 200);
        NeuralNetworkRegressionTrainer.Options Options() => new() { LabelColumnName = "Number", NumberOfEpochs = 2, Seed = 1 };
        NeuralNetworkRegressionTrainer.Options several = Options();
        several.FeatureColumns = ["Features"];
        NeuralNetworkTransformer one = _ml.Regression.Trainers.NeuralNetwork(Options()).Fit(data), other = _ml.Regression.Trainers.NeuralNetwork(several).Fit(data);
        Assert.Equal(Samples.ScoreBits(one.Transform(data)), Samples.ScoreBits(other.Transform(data)));
        Assert.Equal("Features", ((ISingleFeaturePredictionTransformer<NeuralNetworkModelParameters>)other).FeatureColumnName);
    }

    [Fact]
    public void Dimensions_are_those_of_the_rule_or_of_the_option()
    {
        EmbeddedColumn[] Columns(IReadOnlyDictionary<string, int>? dimensions) =>
            [.. ((EmbedColumnsDefinition)Trainer("Number", epochs: 1, dimensions).Fit(Data).Model.Network.Definition.Layers[0]).Columns];
        Assert.Equal([new EmbeddedColumn(4, 7, 5), new(5, 4, 3), new(6, 4, 3)], Columns(null));
        Assert.Equal([new EmbeddedColumn(4, 7, 2), new(5, 4, 3), new(6, 4, 3)], Columns(new Dictionary<string, int> { ["Colour"] = 2 }));
    }

    [Fact]
    public void Keys_are_not_standardised_but_numbers_are()
    {
        NeuralNetworkTransformer model = Trainer("Number", epochs: 1).Fit(Data);
        Assert.DoesNotContain(model.Model.Network.Definition.Layers, layer => layer is RescaleDefinition); // it is in the weights of the dense layer

        // In other units the numbers give the same: had they not been standardised, a thousand times larger ones would not.
        IEstimator<ITransformer> grams = _ml.Transforms.CustomMapping<Aged, Aged>((input, scaled) => scaled.Age = input.Age * 1024, null);
        IDataView larger = grams.Fit(Data).Transform(Data);
        float[] scores = Samples.Column<float>(model.Transform(Data), "Score"), others = Samples.Column<float>(Trainer("Number", epochs: 1).Fit(larger).Transform(larger), "Score");
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(scores[i], others[i], 1e-2);
    }

    [Fact]
    public void Layers_with_embeddings_of_their_own_stay_as_they_are()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(MixedRows.Rows(600).Select(row => new CodedRow { Features = [row.Age, row.Numbers[0], 1 + "brgwp".IndexOf(row.ColourName[0])], Number = row.Number }));
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 40,
            Seed = 1,
            Network = net => net.EmbedColumns([new(2, 5, 4)]).Dense(16).Relu(),
        }).Fit(data);
        Assert.Equal(["EmbedColumnsDefinition", "DenseDefinition", "ActivationDefinition", "DenseDefinition"], model.Model.Network.Definition.Layers.Select(layer => layer.GetType().Name));
        Assert.True(_ml.Regression.Evaluate(model.Transform(data), "Number").RSquared > 0.4); // some colours have the same letter
    }

    [Fact]
    public void Tokens_in_a_vector_are_left_as_they_are()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(MixedRows.Rows(600).Select(row => new CodedRow { Features = ["brgwp".IndexOf(row.ColourName[0]), row.TagNames[0][1] - '0', row.Member ? 6 : 7], Number = row.Number }));
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 40,
            Seed = 1,
            Network = net => net.Embedding(8, 4).Flatten().Dense(16).Relu(),
        }).Fit(data);
        Assert.Equal(["EmbeddingDefinition", "ReshapeDefinition", "DenseDefinition", "ActivationDefinition", "DenseDefinition"], model.Model.Network.Definition.Layers.Select(layer => layer.GetType().Name));
        Assert.True(_ml.Regression.Evaluate(model.Transform(data), "Number").RSquared > 0.5); // some colours have the same letter
    }

    [Fact]
    public void Missing_numbers_are_imputed_beside_keys()
    {
        List<MixedRow> rows = MixedRows.Rows(300);
        foreach (MixedRow row in rows.Take(50))
            (row.Age, row.ColourName) = (float.NaN, "");
        IDataView data = MixedRows.View(_ml, rows);
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            NumberOfEpochs = 2,
            Seed = 1,
            FeatureColumns = MixedRows.Features,
            MissingValues = MissingValueHandling.MeanImputation,
        }).Fit(data);
        Assert.All(Samples.Column<float>(model.Transform(data), "Score"), score => Assert.True(float.IsFinite(score)));
        using var file = new MemoryStream();
        _ml.Model.Save(model, null, file);
        file.Position = 0;
        Assert.Equal(Samples.ScoreBits(model.Transform(data)), Samples.ScoreBits(new MLContext().Model.Load(file, out _).Transform(data)));
    }

    [Theory]
    [InlineData("Number")]
    [InlineData("Class")]
    public void A_saved_model_knows_its_columns(string label)
    {
        NeuralNetworkTransformer model = Trainer(label, epochs: 1).Fit(Data);
        using var file = new MemoryStream();
        _ml.Model.Save(model, null, file);
        file.Position = 0;
        var loaded = (NeuralNetworkTransformer)new MLContext().Model.Load(file, out _);
        Assert.Equal(MixedRows.Features, loaded.FeatureColumns);
        Assert.Equal("Numbers", loaded.FeatureColumnName);
        Assert.Equal(model.FeatureColumnType, loaded.FeatureColumnType);
        Assert.Equal(Samples.ScoreBits(model.Transform(Data)), Samples.ScoreBits(loaded.Transform(Data)));
    }

    [Fact]
    public void A_model_of_one_vector_is_written_as_ever()
    {
        Network network = Network.Build(net => net.Dense(1), [3]);
        using var file = new MemoryStream();
        new ModelFile(ModelTask.Regression, FeatureLayout.OfVector("Features", 3), 0, null, network).Write(file);
        Assert.Equal(1, BitConverter.ToInt32(file.ToArray(), 8));
        file.Position = 0;
        ModelFile read = ModelFile.Read(file);
        Assert.Equal(new FeatureColumn("Features", FeatureKind.Vector, 0, 3), Assert.Single(read.Layout.Columns));
    }

    [Fact]
    public void A_file_with_impossible_columns_is_no_model()
    {
        Network network = Network.Build(net => net.Dense(1), [3]);
        FeatureColumn number = new("a", FeatureKind.Number, 0, 1), key = new("b", FeatureKind.Key, 1, 1) { KeyCount = 4 }, flag = new("c", FeatureKind.Boolean, 2, 1);
        Assert.Equal([number, key, flag], Read([number, key, flag]).Columns);
        FeatureColumn[][] impossible =
        [
            [number, key], [number, key, flag, flag], [number, key with { KeyCount = 0 }, flag], [number with { KeyCount = 3 }, key, flag], [number with { Kind = (FeatureKind)17 }, key, flag],
            [number with { Name = "" }, key, flag], [number with { Width = 2 }, key], [new("v", FeatureKind.KeyVector, 0, 3)], [new("v", FeatureKind.BooleanVector, 0, -3)],
        ];
        foreach (FeatureColumn[] columns in impossible)
            Assert.Throws<InvalidModelException>(() => Read(columns));

        FeatureLayout Read(FeatureColumn[] columns)
        {
            using var file = new MemoryStream();
            new ModelFile(ModelTask.Regression, new FeatureLayout(columns), 0, null, network).Write(file);
            file.Position = 0;
            return ModelFile.Read(file).Layout;
        }
    }

    [Fact]
    public void Feature_importance_says_what_to_do()
    {
        NeuralNetworkTransformer model = Trainer("Number", epochs: 1).Fit(Data);
        IDataView scored = model.Transform(Data);
        foreach (Action importance in (Action[])[() => _ml.Regression.PermutationFeatureImportance(model, scored, "Number"), () => _ml.Regression.PermutationFeatureImportance((ITransformer)model, scored, "Number")])
        {
            Exception error = Assert.ThrowsAny<Exception>(importance).GetBaseException();
            Assert.IsType<InvalidOperationException>(error);
            Assert.Contains("'Numbers', 'Age', 'Member', 'Colour', 'Tags', 'Answers'", error.Message);
            Assert.Contains("model.OverOneVector(data, out IDataView vectors)", error.Message);
        }
    }

    [Theory]
    [InlineData("Nope", "Could not find feature column 'Nope'")]
    [InlineData("ColourName", "Schema mismatch for feature column 'ColourName': expected Single, Boolean or Key<UInt32>, or a Vector of one of them, got String")]
    [InlineData("TagNames", "Schema mismatch for feature column 'TagNames': expected Single, Boolean or Key<UInt32>, or a Vector of one of them, got Vector<String>")]
    public void A_column_of_the_wrong_type_is_named(string column, string message)
    {
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", FeatureColumns = ["Age", column] });
        foreach (Action use in (Action[])[() => trainer.Fit(Data), () => trainer.GetOutputSchema(Seam.ShapeOf(Data.Schema))])
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(use);
            Assert.Contains(message, error.Message);
            Assert.Equal("inputSchema", error.ParamName);
        }
    }

    [Fact]
    public void A_key_column_alone_is_no_vector_of_features()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork("Number", "Colour").Fit(Data));
        Assert.Contains("Schema mismatch for feature column 'Colour': expected Vector<Single>, got Key<UInt32>", error.Message);
        Assert.Contains("FeatureColumns", error.Message);
    }

    [Fact]
    public void Keys_without_number_are_an_error()
    {
        IDataView data = _ml.Data.LoadFromEnumerable([new Unbounded { Key = 1, Number = 1 }, new() { Key = 2, Number = 2 }]);
        var error = Assert.Throws<InvalidOperationException>(
            () => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", FeatureColumns = ["Key"] }).Fit(data));
        Assert.Contains("Feature column 'Key'", error.Message);
        Assert.Contains("Hash", error.Message);
    }

    [Fact]
    public void Options_that_are_not_allowed_are_named()
    {
        (Action<NeuralNetworkOptions> Set, string Message)[] cases =
        [
            (options => options.FeatureColumns = [], "The option FeatureColumns is empty"),
            (options => options.FeatureColumns = ["a", "a"], "'a' 2 times"),
            (options => options.FeatureColumns = ["a", ""], "The option FeatureColumns is empty"),
            (options => options.FeatureColumns = ["a", null!], "The option FeatureColumns is null"),
            (options => options.EmbeddingDimensions = new Dictionary<string, int> { ["Colour"] = 0 }, "The option EmbeddingDimensions is 0 for column 'Colour'"),
            (options => options.EmbeddingDimensions = new Dictionary<string, int> { ["Else"] = 3 }, "The option EmbeddingDimensions is set for column 'Else'"),
        ];
        foreach ((Action<NeuralNetworkOptions> set, string message) in cases)
        {
            var options = new NeuralNetworkRegressionTrainer.Options { FeatureColumns = ["Colour", "Age"] };
            set(options);
            Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(options)).Message);
        }

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Trainer("Number", epochs: 1, new Dictionary<string, int> { ["Age"] = 3 }).Fit(Data));
        Assert.Contains("The option EmbeddingDimensions is set for column 'Age'", error.Message);
    }

    [Fact]
    public void Training_goes_on_with_the_same_keys_and_with_no_others()
    {
        NeuralNetworkTransformer model = Trainer("Number", epochs: 20).Fit(Data), further = Trainer("Number", epochs: 5).Fit(Data, model);
        double Error(NeuralNetworkTransformer of) => _ml.Regression.Evaluate(of.Transform(Data), "Number").MeanSquaredError;
        Assert.True(Error(further) < 1.5 * Error(model), $"{Error(further)} after {Error(model)}"); // it began where the other had ended

        IDataView others = _ml.Transforms.Conversion.MapValueToKey("Colour", "ClassName").Fit(Data).Transform(Data);
        var error = Assert.Throws<InvalidOperationException>(() => Trainer("Number", epochs: 1).Fit(others, model));
        Assert.Contains("7 keys at place 4", error.Message);
        Assert.Contains("3 keys at place 4", error.Message);
    }

    // The categories of adult as embeddings and as one-hot vectors, everything else at the defaults.
    [Fact]
    public void Embeddings_of_real_categories_are_as_good_as_one_hot_vectors()
    {
        string[] categories = ["workclass", "education", "marital_status", "occupation", "relationship", "race", "sex", "native_country"], numbers = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"];
        IDataView Load(string part) => _ml.Data.LoadFromTextFile(Path.Combine(AppContext.BaseDirectory, "Data", $"adult-{part}.csv"), new TextLoader.Options
        {
            Separators = [','],
            HasHeader = true,
            Columns =
            [
                .. new[] { ("age", 0), ("fnlwgt", 2), ("education_num", 4), ("capital_gain", 10), ("capital_loss", 11), ("hours_per_week", 12) }.Select(column => new TextLoader.Column(column.Item1, DataKind.Single, column.Item2)),
                .. new[] { ("workclass", 1), ("education", 3), ("marital_status", 5), ("occupation", 6), ("relationship", 7), ("race", 8), ("sex", 9), ("native_country", 13), ("income", 14) }.Select(column => new TextLoader.Column(column.Item1, DataKind.String, column.Item2)),
            ],
        });
        IEstimator<ITransformer> label = _ml.Transforms.Conversion.MapValue("Label", [new KeyValuePair<string, bool>(">50K", true), new("<=50K", false)], "income");
        InputOutputColumnPair[] pairs = [.. categories.Select(name => new InputOutputColumnPair(name))];
        IEstimator<ITransformer> oneHot = label.Append(_ml.Transforms.Categorical.OneHotEncoding(pairs)).Append(_ml.Transforms.Concatenate("Features", [.. numbers, .. categories]))
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { Seed = 1 }));
        IEstimator<ITransformer> embedded = label.Append(_ml.Transforms.Conversion.MapValueToKey(pairs))
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { FeatureColumns = [.. numbers, .. categories], Seed = 1 }));
        IDataView train = Load("train"), test = Load("test");
        CalibratedBinaryClassificationMetrics one = _ml.BinaryClassification.Evaluate(oneHot.Fit(train).Transform(test)), other = _ml.BinaryClassification.Evaluate(embedded.Fit(train).Transform(test));
        output.WriteLine($"one-hot: accuracy {one.Accuracy:0.0000}, AUC {one.AreaUnderRocCurve:0.0000}; embeddings: accuracy {other.Accuracy:0.0000}, AUC {other.AreaUnderRocCurve:0.0000}");
        Assert.True(other.Accuracy >= one.Accuracy - 0.01, $"{other.Accuracy} against {one.Accuracy}");
        Assert.True(other.AreaUnderRocCurve >= one.AreaUnderRocCurve - 0.01, $"{other.AreaUnderRocCurve} against {one.AreaUnderRocCurve}");
    }

    private NeuralNetworkTrainerBase Trainer(string label, int epochs, IReadOnlyDictionary<string, int>? dimensions = null)
    {
        T With<T>(T options)
            where T : NeuralNetworkOptions
        {
            (options.LabelColumnName, options.FeatureColumns, options.EmbeddingDimensions, options.NumberOfEpochs, options.Seed) = (label, MixedRows.Features, dimensions, epochs, 1);
            return options;
        }

        return label switch
        {
            "Number" => _ml.Regression.Trainers.NeuralNetwork(With(new NeuralNetworkRegressionTrainer.Options())),
            "Flag" => _ml.BinaryClassification.Trainers.NeuralNetwork(With(new NeuralNetworkBinaryTrainer.Options())),
            _ => _ml.MulticlassClassification.Trainers.NeuralNetwork(With(new NeuralNetworkMulticlassTrainer.Options())),
        };
    }

    private class KeyedRow
    {
        [VectorType(2)]
        public float[] Numbers { get; set; } = [0.5f, 500];

        public float Age { get; set; } = 40;

        public bool Member { get; set; }

        [KeyType(7)]
        public virtual uint Colour { get; set; }

        public int ColourNumber { get; set; }

        [VectorType(2)]
        [KeyType(4)]
        public uint[] Tags { get; set; } = [1, 1];

        [VectorType(2)]
        public bool[] Answers { get; set; } = [true, false];
    }

    private sealed class MoreColours : KeyedRow
    {
        [KeyType(30)]
        public override uint Colour { get; set; }
    }

    private sealed class Unbounded
    {
        [KeyType(1UL << 30)]
        public uint Key { get; set; }

        public float Number { get; set; }
    }

    private sealed class CodedRow
    {
        [VectorType(3)]
        public float[] Features { get; set; } = [];

        public float Number { get; set; }
    }

    private sealed class Aged
    {
        public float Age { get; set; }
    }

    private sealed class Score
    {
        [ColumnName("Score")]
        public float Value { get; set; }
    }
}
