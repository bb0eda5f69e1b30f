using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>PermutationFeatureImportance of a model with several feature columns, keys among them: by the way that its error message names.</summary>
public sealed class OneVectorTests
{
    private static readonly string[] Slots = ["Numbers.0", "Numbers.1", "Age", "Member", "Colour", "Tags.0", "Tags.1", "Answers.0", "Answers.1"];

    private readonly MLContext _ml = new(seed: 1);

    private IDataView Data => MixedRows.View(_ml, MixedRows.Rows(400));

    [Fact]
    public void Both_forms_give_the_importance_of_every_value_of_the_columns()
    {
        NeuralNetworkTransformer one = Train(epochs: 40).OverOneVector(Data, out IDataView vectors);
        ImmutableArray<RegressionMetricsStatistics> bySlot = _ml.Regression.PermutationFeatureImportance(one, vectors, "Number", permutationCount: 2);
        ImmutableDictionary<string, RegressionMetricsStatistics> byName = _ml.Regression.PermutationFeatureImportance((ITransformer)one, vectors, "Number", permutationCount: 2);
        Assert.Equal(Slots.Length, bySlot.Length);
        Assert.Equal(Slots.Order(), byName.Keys.Order());
        Assert.Equal("Colour", byName.MinBy(pair => pair.Value.RSquared.Mean).Key); // most of the label is the colour's
        Assert.Equal(4, Enumerable.Range(0, bySlot.Length).MinBy(slot => bySlot[slot].RSquared.Mean));
        Assert.True(byName["Answers.0"].RSquared.Mean > byName["Member"].RSquared.Mean); // which do not count at all
    }

    [Fact]
    public void The_scores_are_the_same_bits_and_the_vector_holds_the_values()
    {
        List<MixedRow> rows = MixedRows.Rows(50);
        (rows[0].ColourName, rows[1].Age) = ("", float.NaN);
        IDataView data = MixedRows.View(_ml, rows);
        foreach (MissingValueHandling handling in Enum.GetValues<MissingValueHandling>())
        {
            NeuralNetworkTransformer model = Train(epochs: 2, handling), one = model.OverOneVector(data, out IDataView vectors, "All");
            Assert.Equal(Samples.ScoreBits(model.Transform(data)), Samples.ScoreBits(one.Transform(vectors)));
            Assert.Equal("All", one.FeatureColumnName);
            VBuffer<float>[] values = Samples.Column<VBuffer<float>>(vectors, "All");
            Assert.Equal(rows.Count, values.Length);
            Assert.Equal(0, values[0].GetItemOrDefault(4)); // the missing key
            Assert.True(float.IsNaN(values[1].GetItemOrDefault(2)));
            Assert.Equal(rows[2].Age, values[2].GetItemOrDefault(2));
            Assert.Equal(rows[2].Member ? 1 : 0, values[2].GetItemOrDefault(3));
        }
    }

    [Fact]
    public void Only_what_is_needed_is_read()
    {
        Train(epochs: 1).OverOneVector(Data, out IDataView vectors);
        using DataViewRowCursor cursor = vectors.GetRowCursor([vectors.Schema["Number"]]);
        Assert.True(cursor.IsColumnActive(vectors.Schema["Number"]));
        Assert.False(cursor.IsColumnActive(vectors.Schema["FeatureVector"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => cursor.GetGetter<VBuffer<float>>(vectors.Schema["FeatureVector"]));
    }

    [Fact]
    public void Data_without_a_feature_column_are_refused()
    {
        NeuralNetworkTransformer model = Train(epochs: 1);
        IDataView without = _ml.Transforms.DropColumns("Colour").Fit(Data).Transform(Data);
        Assert.Contains("'Colour'", Assert.Throws<ArgumentOutOfRangeException>(() => model.OverOneVector(without, out _)).Message);
    }

    private NeuralNetworkTransformer Train(int epochs, MissingValueHandling handling = MissingValueHandling.Drop) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        FeatureColumns = MixedRows.Features,
        MissingValues = handling,
        NumberOfEpochs = epochs,
        Seed = 1,
    }).Fit(Data);
}
