using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>What becomes of rows with missing values, in training and when they are scored.</summary>
public sealed class MissingValueTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(MissingValueHandling.Drop, "feature NaN", 90)]
    [InlineData(MissingValueHandling.Drop, "feature infinite", 90)]
    [InlineData(MissingValueHandling.Drop, "label NaN", 90)]
    [InlineData(MissingValueHandling.Drop, "weight NaN", 90)]
    [InlineData(MissingValueHandling.Drop, "weight 0", 90)]
    [InlineData(MissingValueHandling.MeanImputation, "feature NaN", 100)]
    [InlineData(MissingValueHandling.MeanImputation, "feature infinite", 100)]
    [InlineData(MissingValueHandling.MeanImputation, "label NaN", 90)]
    [InlineData(MissingValueHandling.MeanImputation, "weight NaN", 90)]
    [InlineData(MissingValueHandling.MeanImputation, "weight 0", 90)]
    public void Rows_are_used_or_left_out_with_one_warning(MissingValueHandling handling, string what, int used)
    {
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        foreach (long? budget in new long?[] { null, 1000 })
        {
            log.Clear();
            Trainer(handling, budget).Fit(Holes(what));
            Assert.Single(log, line => line.Contains($"{used} rows of 4 features to train on", StringComparison.Ordinal));
            Assert.Equal(used < 100 ? 1 : 0, log.Count(line => line.Contains("Skipped 10 instances", StringComparison.Ordinal)));
            Assert.Equal(used < 100 ? 0 : 1, log.Count(line => line.Contains("Imputed 10 missing values of 1 features in 'Features'", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void Imputed_values_are_the_means_of_the_rows_that_have_one()
    {
        List<Sample> rows = Samples.Rows(100);
        float mean = (float)rows.Where(row => row.Index % 10 != 0).Average(row => (double)row.Features[2]);
        NeuralNetworkTransformer model = Trainer(MissingValueHandling.MeanImputation).Fit(Holes("feature NaN"));
        Assert.Equal(mean, model.Model.ImputedValues![2]);

        // The same bits as with the means put in by hand.
        foreach (Sample row in rows.Where(row => row.Index % 10 == 0))
            row.Features[2] = mean;
        IDataView complete = _ml.Data.LoadFromEnumerable(rows);
        NeuralNetworkTransformer other = Trainer(MissingValueHandling.Drop).Fit(complete);
        Assert.Null(other.Model.ImputedValues);
        int[] bits = Samples.ScoreBits(other.Transform(complete));
        Assert.Equal(bits, Samples.ScoreBits(model.Transform(complete)));
        Assert.Equal(bits, Samples.ScoreBits(model.Transform(Holes("feature NaN"))));
        Assert.Equal(bits, Samples.ScoreBits(model.Transform(Holes("feature infinite"))));
    }

    [Theory]
    [InlineData(MissingValueHandling.Drop, 1)]
    [InlineData(MissingValueHandling.MeanImputation, 2)]
    public void A_loaded_model_scores_missing_values_as_before(MissingValueHandling handling, int formatVersion)
    {
        NeuralNetworkTransformer model = Trainer(handling).Fit(Samples.View(_ml, 100));
        using var stream = new MemoryStream();
        _ml.Model.Save(model, Samples.View(_ml, 1).Schema, stream);
        stream.Position = 0;
        var loaded = (NeuralNetworkTransformer)_ml.Model.Load(stream, out _);
        IDataView holes = Holes("feature NaN");
        Assert.Equal(model.Model.ImputedValues, loaded.Model.ImputedValues);
        Assert.Equal(Samples.ScoreBits(model.Transform(holes)), Samples.ScoreBits(loaded.Transform(holes)));
        float[] scores = Samples.Column<float>(loaded.Transform(holes), "Score");
        Assert.Equal(handling == MissingValueHandling.Drop ? 10 : 0, scores.Count(float.IsNaN));

        PredictionEngine<Sample, Scored> engine = _ml.Model.CreatePredictionEngine<Sample, Scored>(loaded);
        List<Sample> rows = Samples.Rows(100);
        rows[0].Features[2] = float.NaN;
        Assert.Equal(scores[0], engine.Predict(rows[0]).Score);
        Assert.True(float.IsNaN(rows[0].Features[2])); // the caller's row is left alone
        Assert.Equal(scores[1], engine.Predict(rows[1]).Score);
        Assert.Equal(formatVersion, PayloadVersion(stream.ToArray()));
    }

    [Fact]
    public void A_feature_that_is_missing_everywhere_counts_as_0()
    {
        List<Sample> rows = Samples.Rows(50);
        rows.ForEach(row => row.Features[3] = float.NaN);
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        NeuralNetworkTransformer model = Trainer(MissingValueHandling.MeanImputation).Fit(_ml.Data.LoadFromEnumerable(rows));
        Assert.Equal(0, model.Model.ImputedValues![3]);
        Assert.Contains(log, line => line.Contains("1 features in 'Features' are missing in all training rows", StringComparison.Ordinal));
        Assert.All(Samples.Column<float>(model.Transform(_ml.Data.LoadFromEnumerable(rows)), "Score"), score => Assert.True(float.IsFinite(score)));
    }

    [Fact]
    public void Sparse_and_streamed_rows_are_imputed_alike()
    {
        Vectors[] rows = FeatureRowsTests.Sparse(300, 200, 5);
        foreach (Vectors row in rows.Where((_, i) => i % 3 == 0))
            row.Features = new VBuffer<float>(200, row.Features.GetValues().Length, [float.NaN, .. row.Features.GetValues()[1..]], [.. row.Features.GetIndices()]);
        int[] inMemory = Bits(null), streamed = Bits(8000);
        Assert.Equal(inMemory.Length, streamed.Length);
        Assert.DoesNotContain(BitConverter.SingleToInt32Bits(float.NaN), inMemory);
        Assert.DoesNotContain(BitConverter.SingleToInt32Bits(float.NaN), streamed);

        int[] Bits(long? budget)
        {
            NeuralNetworkTransformer model = Trainer(MissingValueHandling.MeanImputation, budget, weight: null).Fit(Vectors.View(_ml, rows, 200));
            return Samples.ScoreBits(model.Transform(Vectors.View(_ml, rows, 200)));
        }
    }

    [Fact]
    public void An_unknown_handling_is_an_error() => Assert.Contains("The option MissingValues is 7; it must be one of Drop, MeanImputation",
        Assert.Throws<ArgumentOutOfRangeException>(() => Trainer((MissingValueHandling)7)).Message, StringComparison.Ordinal);

    private IDataView Holes(string what)
    {
        List<Sample> rows = Samples.Rows(100);
        foreach (Sample row in rows.Where(row => row.Index % 10 == 0))
        {
            switch (what)
            {
                case "feature NaN": row.Features[2] = float.NaN; break;
                case "feature infinite": row.Features[2] = float.NegativeInfinity; break;
                case "label NaN": row.Number = float.NaN; break;
                case "weight NaN": row.Weight = float.NaN; break;
                default: row.Weight = 0; break;
            }
        }
        return _ml.Data.LoadFromEnumerable(rows);
    }

    private NeuralNetworkRegressionTrainer Trainer(MissingValueHandling handling, long? budget = null, string? weight = "Weight") => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        ExampleWeightColumnName = weight,
        MissingValues = handling,
        MemoryBudget = budget,
        BatchSize = 10,
        NumberOfEpochs = 2,
        Seed = 3,
    });

    /// <summary>The number behind the magic word.</summary>
    private static int PayloadVersion(byte[] zip)
    {
        using var archive = new System.IO.Compression.ZipArchive(new MemoryStream(zip));
        foreach (System.IO.Compression.ZipArchiveEntry entry in archive.Entries)
        {
            using Stream content = entry.Open();
            using var copy = new MemoryStream();
            content.CopyTo(copy);
            int place = copy.ToArray().AsSpan().IndexOf("BackpML\0"u8);
            if (place >= 0)
                return BitConverter.ToInt32(copy.ToArray(), place + 8);
        }
        return 0;
    }

    private sealed class Scored
    {
        public float Score { get; set; }
    }
}
