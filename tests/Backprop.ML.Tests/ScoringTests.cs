using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

public sealed class ScoringTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;

    public ScoringTests() => _data = Samples.View(_ml, 600);

    [Fact]
    public void A_prediction_engine_gives_the_bits_of_batch_scoring()
    {
        List<Sample> rows = Samples.Rows(600);
        ITransformer regression = Regression(), binary = Binary(), multiclass = Multiclass();
        using PredictionEngine<Sample, NumberPrediction> one = _ml.Model.CreatePredictionEngine<Sample, NumberPrediction>(regression);
        Assert.Equal(Samples.ScoreBits(regression.Transform(_data)), rows.Select(row => BitConverter.SingleToInt32Bits(one.Predict(row).Score)));

        using PredictionEngine<Sample, FlagPrediction> two = _ml.Model.CreatePredictionEngine<Sample, FlagPrediction>(binary);
        IDataView flags = binary.Transform(_data);
        Assert.Equal(Samples.ScoreBits(flags), rows.Select(row => BitConverter.SingleToInt32Bits(two.Predict(row).Score)));
        Assert.Equal(Samples.Column<float>(flags, "Probability"), rows.Select(row => two.Predict(row).Probability));
        Assert.Equal(Samples.Column<bool>(flags, "PredictedLabel"), rows.Select(row => two.Predict(row).PredictedLabel));

        using PredictionEngine<Sample, ClassPrediction> three = _ml.Model.CreatePredictionEngine<Sample, ClassPrediction>(multiclass);
        IDataView classes = multiclass.Transform(_data);
        Assert.Equal(Samples.ScoreBits(classes), rows.SelectMany(row => three.Predict(row).Score.Select(BitConverter.SingleToInt32Bits)));
        Assert.Equal(Samples.Column<uint>(classes, "PredictedLabel"), rows.Select(row => three.Predict(row).PredictedLabel));
    }

    [Fact]
    public void Probabilities_and_labels_follow_from_the_scores()
    {
        IDataView flags = Binary().Transform(_data);
        float[] scores = Samples.Column<float>(flags, "Score");
        Assert.Equal(scores.Select(score => score > 0), Samples.Column<bool>(flags, "PredictedLabel"));
        foreach ((float score, float probability) in scores.Zip(Samples.Column<float>(flags, "Probability")))
            Assert.Equal(1 / (1 + Math.Exp(-score)), probability, 1e-6);

        IDataView classes = Multiclass().Transform(_data);
        foreach ((VBuffer<float> score, uint label) in Samples.Column<VBuffer<float>>(classes, "Score").Zip(Samples.Column<uint>(classes, "PredictedLabel")))
        {
            float[] values = [.. score.DenseValues()];
            Assert.Equal(1, values.Sum(), 5);
            Assert.Equal(values.Max(), values[label - 1]);
        }
        Assert.True(Samples.Column<uint>(classes, "PredictedLabel").Distinct().Count() > 1);
    }

    [Fact]
    public void A_prediction_allocates_nothing()
    {
        List<Sample> rows = Samples.Rows(100);
        Assert.Equal(0, AllocatedBy(Regression(), new NumberPrediction(), rows));
        Assert.Equal(0, AllocatedBy(Binary(), new FlagPrediction(), rows));
        Assert.Equal(0, AllocatedBy(Multiclass(), new ClassPrediction(), rows));
    }

    [Fact]
    public void A_missing_feature_gives_no_answer_rather_than_a_wrong_one()
    {
        List<Sample> rows = Samples.Rows(600);
        foreach (Sample row in rows.Where(row => row.Index % 3 == 1))
            row.Features[row.Index % Samples.FeatureCount] = row.Index % 2 == 0 ? float.NaN : float.NegativeInfinity;
        IDataView holes = Samples.View(_ml, rows);
        ITransformer regression = Regression(), binary = Binary(), multiclass = Multiclass();
        int[] whole = Samples.ScoreBits(regression.Transform(_data)), found = Samples.ScoreBits(regression.Transform(holes));
        for (int i = 0; i < rows.Count; i++)
            Assert.Equal(i % 3 == 1 ? BitConverter.SingleToInt32Bits(float.NaN) : whole[i], found[i]);
        IDataView flags = binary.Transform(holes), classes = multiclass.Transform(holes);
        float[] probabilities = Samples.Column<float>(flags, "Probability");
        bool[] labels = Samples.Column<bool>(flags, "PredictedLabel");
        uint[] keys = Samples.Column<uint>(classes, "PredictedLabel");
        VBuffer<float>[] scores = Samples.Column<VBuffer<float>>(classes, "Score");
        for (int i = 0; i < rows.Count; i++)
        {
            bool isMissing = i % 3 == 1;
            Assert.Equal((isMissing, isMissing), (float.IsNaN(probabilities[i]), keys[i] == 0));
            Assert.All(scores[i].DenseValues(), score => Assert.Equal(isMissing, float.IsNaN(score)));
            Assert.False(isMissing && labels[i]);
        }
        using PredictionEngine<Sample, NumberPrediction> engine = _ml.Model.CreatePredictionEngine<Sample, NumberPrediction>(regression);
        Assert.Equal(found, rows.Select(row => BitConverter.SingleToInt32Bits(engine.Predict(row).Score)));
    }

    [Fact]
    public void Sparse_features_are_scored_like_dense_ones()
    {
        IDataView data = _ml.Transforms.CopyColumns("Features", "Sparse").Fit(_data).Transform(_data);
        ITransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 2).Fit(data);
        IDataView sparse = _ml.Data.LoadFromEnumerable(Samples.Rows(50).Select(row => new SparseRow { Features = ToSparse(row.Sparse) }));
        Assert.Equal(Samples.ScoreBits(model.Transform(data)).Take(50), Samples.ScoreBits(model.Transform(sparse)));

        static VBuffer<float> ToSparse(float[] row)
        {
            int[] places = [.. Enumerable.Range(0, row.Length).Where(i => row[i] != 0)];
            return new VBuffer<float>(row.Length, places.Length, [.. places.Select(i => row[i])], places);
        }
    }

    [Fact]
    public void Nothing_is_scored_when_no_score_is_wanted()
    {
        IDataView scored = Regression().Transform(_data);
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["Index"]]);
        Assert.False(cursor.IsColumnActive(scored.Schema["Features"]));
        Assert.False(cursor.IsColumnActive(scored.Schema["Score"]));
        int rows = 0;
        while (cursor.MoveNext())
            rows++;
        Assert.Equal(600, rows);
    }

    [Fact]
    public void Columns_that_cannot_be_kept_aside_are_passed_through_row_by_row()
    {
        IDataView images = _ml.Data.LoadFromEnumerable(Samples.Rows(10).Select(row => new OpaqueRow { Features = row.Features, Thing = new Thing(row.Index) }));
        IDataView scored = Regression().Transform(images);
        using DataViewRowCursor cursor = scored.GetRowCursor(scored.Schema);
        ValueGetter<Thing> getThing = cursor.GetGetter<Thing>(scored.Schema["Thing"]);
        ValueGetter<float> getScore = cursor.GetGetter<float>(scored.Schema["Score"]);
        Thing thing = null!;
        float score = 0;
        var found = new List<(int, int)>();
        while (cursor.MoveNext())
        {
            getScore(ref score);
            getThing(ref thing);
            found.Add((thing.Index, BitConverter.SingleToInt32Bits(score)));
        }
        Assert.Equal(Samples.ScoreBits(Regression().Transform(_data)).Take(10).Select((bits, i) => (i, bits)), found);
    }

    [Fact]
    public void A_row_that_cannot_be_read_takes_no_scores_of_others_with_it()
    {
        // Rows are read ahead: behind the error there must be none whose scores were never computed.
        ITransformer model = Regression();
        IDataView scored = model.Transform(_ml.Data.LoadFromEnumerable(Enumerable.Range(0, 30).Select(i => new FailingRow { Index = i })));
        using DataViewRowCursor cursor = scored.GetRowCursor(scored.Schema);
        ValueGetter<float> getScore = cursor.GetGetter<float>(scored.Schema["Score"]);
        float score = 0;
        Assert.Contains("This disk is broken.", Assert.ThrowsAny<Exception>(() => cursor.MoveNext()).GetBaseException().Message);
        Assert.ThrowsAny<Exception>(() => getScore(ref score));
        float[] expected = Samples.Column<float>(model.Transform(_ml.Data.LoadFromEnumerable(Enumerable.Range(10, 20).Select(i => new FailingRow { Index = i }))), "Score");
        var found = new List<float>();
        while (cursor.MoveNext())
        {
            getScore(ref score);
            found.Add(score);
        }

        Assert.Equal(expected, found);
    }

    [Fact]
    public void Any_number_of_threads_get_the_bits_that_one_gets()
    {
        ITransformer model = Multiclass();
        List<Sample> rows = Samples.Rows(600);
        int[] expected = Samples.ScoreBits(model.Transform(_data));
        var failures = new System.Collections.Concurrent.ConcurrentBag<Exception?>();
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(number => new Thread(() => failures.Add(Record.Exception(() =>
        {
            for (int round = 0; round < 10; round++)
            {
                if (number % 2 == 0)
                {
                    Assert.Equal(expected, Samples.ScoreBits(model.Transform(_data)));
                    continue;
                }
                using PredictionEngine<Sample, ClassPrediction> engine =
                    _ml.Model.CreatePredictionEngine<Sample, ClassPrediction>(model, new PredictionEngineOptions { OwnsTransformer = false });
                Assert.Equal(expected, rows.SelectMany(row => engine.Predict(row).Score.Select(BitConverter.SingleToInt32Bits)));
            }
        }))))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(8, failures.Count);
        Assert.All(failures, Assert.Null);
    }

    private long AllocatedBy<TPrediction>(ITransformer model, TPrediction prediction, List<Sample> rows)
        where TPrediction : class, new()
    {
        using PredictionEngine<Sample, TPrediction> engine = _ml.Model.CreatePredictionEngine<Sample, TPrediction>(model);
        long allocated = long.MaxValue;
        for (int round = 0; round < 500 && allocated > 0; round++) // the runtime allocates at moments of its own; a prediction that allocates does so in every round
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
                engine.Predict(rows[i % rows.Count], ref prediction);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        return allocated;
    }

    private ITransformer Regression() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 3, Seed = 1 }).Fit(_data);

    private ITransformer Binary() => _ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 3).Fit(_data);

    private ITransformer Multiclass() => _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 3).Fit(_data);

    private sealed class FailingRow
    {
        public int Index { get; set; }

        [VectorType(Samples.FeatureCount)]
        public float[] Features => Index == 9 ? throw new IOException("This disk is broken.") : [Index, 1, -Index, 0.5f];
    }

    private sealed class SparseRow
    {
        [VectorType(6)]
        public VBuffer<float> Features { get; set; }
    }

    private sealed class NumberPrediction
    {
        public float Score { get; set; }
    }

    private sealed class FlagPrediction
    {
        public float Score { get; set; }

        public float Probability { get; set; }

        public bool PredictedLabel { get; set; }
    }

    private sealed class ClassPrediction
    {
        public float[] Score { get; set; } = [];

        public uint PredictedLabel { get; set; }
    }

    internal sealed class Thing(int index)
    {
        public int Index { get; } = index;
    }

    internal sealed class ThingType() : StructuredDataViewType(typeof(Thing))
    {
        public override bool Equals(DataViewType? other) => other is ThingType;

        public override bool Equals(object? obj) => obj is ThingType;

        public override int GetHashCode() => 1;
    }

    internal sealed class ThingTypeAttribute : DataViewTypeAttribute
    {
        public override bool Equals(DataViewTypeAttribute? other) => other is ThingTypeAttribute;

        public override void Register() => DataViewTypeManager.Register(new ThingType(), typeof(Thing), this);
    }

    private sealed class OpaqueRow
    {
        [VectorType(Samples.FeatureCount)]
        public float[] Features { get; set; } = [];

        [ThingType]
        public Thing Thing { get; set; } = null!;
    }
}
