using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Lengths of model files, shares as labels, and sets of cursors in random order.</summary>
public sealed class TaskEdgeTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void A_detector_with_other_scales_than_features_is_no_model(int scales)
    {
        Network network = Network.Build(net => net.Dense(3), [3]);
        using var file = new MemoryStream();
        new ModelFile(ModelTask.AnomalyDetection, FeatureLayout.OfVector("Features", 3), 0, null, network) { Anomalies = new AnomalyCalibration([.. Enumerable.Repeat(1f, scales)], 1, 0.5f) }.Write(file);
        file.Position = 0;
        Assert.Contains($"it has {scales} scales for 3 features", Assert.Throws<InvalidModelException>(() => ModelFile.Read(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_above_one_half_counts_as_yes()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(new[]
        {
            new Scored { Label = [0.6f, 0], Score = [1, -1] },
            new Scored { Label = [0.5f, 1], Score = [-1, 1] },
            new Scored { Label = [0, 0.51f], Score = [-2, 2] },
        });
        Assert.All(_ml.BinaryClassification.EvaluateMultiLabel(data), label => Assert.Equal(1, label.Accuracy));
    }

    [Fact]
    public void A_set_of_cursors_passes_the_chance_on()
    {
        IDataView data = _ml.Data.Cache(TaskRow.View(_ml, 64)), scored = _ml.Regression.Trainers.NeuralNetwork("Relevance", numberOfEpochs: 1).Fit(data).Transform(data);
        Assert.True(scored.CanShuffle);
        string[] plain = Texts(null), shuffled = Texts(new Random(1));
        Assert.NotEqual(plain, shuffled);
        Assert.Equal(plain.Order(), shuffled.Order());

        string[] Texts(Random? random)
        {
            var texts = new List<string>();
            foreach (DataViewRowCursor cursor in scored.GetRowCursorSet([scored.Schema["Text"], scored.Schema["Score"]], 1, random))
            {
                using (cursor)
                {
                    ValueGetter<ReadOnlyMemory<char>> get = cursor.GetGetter<ReadOnlyMemory<char>>(scored.Schema["Text"]);
                    ReadOnlyMemory<char> text = default;
                    while (cursor.MoveNext())
                    {
                        get(ref text);
                        texts.Add(text.ToString());
                    }
                }
            }
            return [.. texts];
        }
    }

    private sealed class Scored
    {
        [VectorType(2)]
        public float[] Label { get; set; } = [];

        [VectorType(2)]
        public float[] Score { get; set; } = [];
    }
}
