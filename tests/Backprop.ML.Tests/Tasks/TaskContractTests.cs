using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>What the trainers of the further tasks promise as the others do: save and load, single rows, no allocation.</summary>
public sealed class TaskContractTests
{
    private readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string> Tasks => ["ranking", "ranking by keys", "numbers", "answers", "shares", "anomalies"];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void A_prediction_engine_gives_the_bits_of_batch_scoring_and_allocates_nothing(string task)
    {
        List<TaskRow> rows = TaskRow.Rows(600);
        ITransformer model = Trainer(task, 3).Fit(TaskRow.View(_ml, rows));
        IDataView scored = model.Transform(TaskRow.View(_ml, rows));
        switch (task)
        {
            case "numbers":
                Check<Numbers>(row => row.Score);
                break;
            case "answers" or "shares":
                Check<Answers>(row => row.Score);
                Assert.Equal(Samples.Column<VBuffer<float>>(scored, "Probability").SelectMany(values => values.DenseValues()), Predict<Answers>().SelectMany(row => row.Probability));
                Assert.Equal(Samples.Column<VBuffer<bool>>(scored, "PredictedLabel").SelectMany(values => values.DenseValues()), Predict<Answers>().SelectMany(row => row.PredictedLabel));
                break;
            case "anomalies":
                Check<Flag>(row => [row.Score]);
                Assert.Equal(Samples.Column<bool>(scored, "PredictedLabel"), Predict<Flag>().Select(row => row.PredictedLabel));
                break;
            default:
                Check<Number>(row => [row.Score]);
                break;
        }

        void Check<T>(Func<T, float[]> score)
            where T : class, new()
        {
            Assert.Equal(Samples.ScoreBits(scored), Predict<T>().SelectMany(score).Select(BitConverter.SingleToInt32Bits));
            using PredictionEngine<TaskRow, T> engine = _ml.Model.CreatePredictionEngine<TaskRow, T>(model, new PredictionEngineOptions { OwnsTransformer = false });
            var prediction = new T();
            long allocated = long.MaxValue;
            for (int round = 0; round < 500 && allocated > 0; round++) // the runtime allocates at moments of its own; a prediction that allocates does so in every round
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < 100; i++)
                    engine.Predict(rows[i % rows.Count], ref prediction);
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            }

            Assert.Equal(0, allocated);
        }

        List<T> Predict<T>()
            where T : class, new()
        {
            using PredictionEngine<TaskRow, T> engine = _ml.Model.CreatePredictionEngine<TaskRow, T>(model, new PredictionEngineOptions { OwnsTransformer = false });
            return [.. rows.Select(row => engine.Predict(row))];
        }
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void The_same_trainer_gives_the_same_bits_at_any_number_of_threads(string task)
    {
        IDataView data = TaskRow.View(_ml, 500);
        Assert.Equal(Samples.ScoreBits(Trainer(task, 2, threads: 1).Fit(data).Transform(data)), Samples.ScoreBits(Trainer(task, 2, threads: 2).Fit(data).Transform(data)));
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Training_goes_on_from_a_model(string task)
    {
        IDataView data = TaskRow.View(_ml, 500);
        var trainer = (NeuralNetworkTrainerBase)Trainer(task, 2);
        NeuralNetworkTransformer first = trainer.Fit(data), second = trainer.Fit(data, first);
        Assert.NotEqual(Samples.ScoreBits(first.Transform(data)), Samples.ScoreBits(second.Transform(data)));
        var other = (NeuralNetworkTrainerBase)Trainer(task == "numbers" ? "answers" : "numbers", 1);
        Assert.Contains("trainer of", Assert.Throws<InvalidOperationException>(() => other.Fit(data, first)).Message);
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void A_missing_feature_gives_no_answer_rather_than_a_wrong_one(string task)
    {
        List<TaskRow> rows = TaskRow.Rows(300);
        ITransformer model = Trainer(task, 2).Fit(TaskRow.View(_ml, rows));
        rows[5].Features[1] = float.NaN;
        IDataView scored = model.Transform(TaskRow.View(_ml, rows));
        int width = Samples.ScoreBits(scored).Length / rows.Count;
        float[] scores = [.. Samples.ScoreBits(scored).Select(BitConverter.Int32BitsToSingle)];
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(i / width == 5, float.IsNaN(scores[i]));
        if (task is "answers" or "shares")
            Assert.All(Samples.Column<VBuffer<bool>>(scored, "PredictedLabel")[5].DenseValues(), Assert.False);
        if (task == "anomalies")
            Assert.False(Samples.Column<bool>(scored, "PredictedLabel")[5]);
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void A_model_that_was_cut_short_or_altered_gives_one_exception(string task)
    {
        var model = (NeuralNetworkTransformer)Trainer(task, 1).Fit(TaskRow.View(_ml, 100));
        using var stream = new MemoryStream();
        object file = typeof(NeuralNetworkTransformer).GetMethod("ToFile", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.Invoke(model, null)!;
        ((Persistence.ModelFile)file).Write(stream);
        byte[] payload = stream.ToArray();
        Persistence.ModelFile.Read(new MemoryStream(payload));
        for (int length = 0; length < payload.Length; length = length < 300 ? length + 1 : length + 97)
            Assert.Throws<InvalidModelException>(() => Persistence.ModelFile.Read(new MemoryStream(payload[..length])));
        for (int place = 0; place < 300; place++)
        {
            byte[] altered = [.. payload];
            altered[place] ^= 4;
            Assert.Throws<InvalidModelException>(() => Persistence.ModelFile.Read(new MemoryStream(altered)));
        }
    }

    [Fact]
    public void Slot_names_of_the_label_are_carried_on()
    {
        IDataView data = TaskRow.View(_ml, 60);
        foreach ((string task, string[] columns) in new[] { ("numbers", new[] { "Score" }), ("answers", ["PredictedLabel", "Score", "Probability"]) })
        {
            using var stream = new MemoryStream();
            _ml.Model.Save(Trainer(task, 1).Fit(data), data.Schema, stream);
            stream.Position = 0;
            DataViewSchema schema = new MLContext().Model.Load(stream, out _).GetOutputSchema(data.Schema);
            foreach (string column in columns)
            {
                VBuffer<ReadOnlyMemory<char>> names = default;
                schema[column].Annotations.GetValue("SlotNames", ref names);
                Assert.Equal(["first", "second", "third"], names.DenseValues().Select(name => name.ToString()));
            }
        }

        Assert.Null(Trainer("shares", 1).Fit(data).GetOutputSchema(data.Schema)["Score"].Annotations.Schema.GetColumnOrNull("SlotNames"));
    }

    // Saved by the package before it knew these tasks.
    [Theory]
    [InlineData("regression", "9.512056")]
    [InlineData("binary", "0.43666533")]
    [InlineData("multiclass", "0.35440317, 0.4347215, 0.21087535")]
    public void A_model_of_the_first_format_still_loads(string name, string expected)
    {
        ITransformer model = _ml.Model.Load(Path.Combine(AppContext.BaseDirectory, "Data", $"{name}-1.zip"), out _);
        IDataView scored = model.Transform(_ml.Data.LoadFromEnumerable(new[] { new OldRow { Features = [0.25f, 0.75f] } }));
        float[] scores = [.. Samples.ScoreBits(scored).Select(BitConverter.Int32BitsToSingle)];
        float[] known = [.. expected.Split(", ").Select(value => float.Parse(value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(known, scores, (a, b) => Math.Abs(a - b) <= 1e-5 * Math.Abs(a)); // another instruction set rounds differently
    }

    private static string? LabelOf(string task) => task switch
    {
        "ranking" => "Relevance",
        "ranking by keys" => "RelevanceKey",
        "numbers" => "Numbers",
        "answers" => "Answers",
        "shares" => "Shares",
        _ => null,
    };

    private IEstimator<ITransformer> Trainer(string task, int epochs, int? threads = null)
    {
        T Set<T>(T options)
            where T : NeuralNetworkOptions
        {
            (options.NumberOfEpochs, options.NumberOfThreads, options.Seed) = (epochs, threads, 7);
            if (LabelOf(task) is { } label)
                options.LabelColumnName = label;
            return options;
        }

        return task switch
        {
            "ranking" or "ranking by keys" => _ml.Ranking.Trainers.NeuralNetwork(Set(new NeuralNetworkRankingTrainer.Options { RowGroupColumnName = "Group" })),
            "numbers" => _ml.Regression.Trainers.NeuralNetworkMultiOutput(Set(new NeuralNetworkMultiOutputTrainer.Options())),
            "answers" or "shares" => _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel(Set(new NeuralNetworkMultiLabelTrainer.Options())),
            _ => _ml.AnomalyDetection.Trainers.NeuralNetwork(Set(new NeuralNetworkAnomalyTrainer.Options())),
        };
    }

    private sealed class OldRow
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Number
    {
        public float Score { get; set; }
    }

    private sealed class Numbers
    {
        public float[] Score { get; set; } = [];
    }

    private sealed class Answers
    {
        public float[] Score { get; set; } = [];

        public float[] Probability { get; set; } = [];

        public bool[] PredictedLabel { get; set; } = [];
    }

    private sealed class Flag
    {
        public float Score { get; set; }

        public bool PredictedLabel { get; set; }
    }
}
