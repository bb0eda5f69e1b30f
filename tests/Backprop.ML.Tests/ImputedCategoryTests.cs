using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Categories have no mean: a missing one has a row of the table for itself.</summary>
public sealed class ImputedCategoryTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_missing_category_in_a_vector_is_the_missing_one_and_not_the_middle_one()
    {
        var random = new Random(1);
        List<Row> rows = [.. Enumerable.Range(0, 600).Select(i =>
        {
            int category = random.Next(0, 4); // 0: missing; the mean of the others is 2
            return new Row { Features = [random.NextSingle(), category == 0 ? float.NaN : category], Number = category switch { 0 => 10, 1 => -3, 2 => 0, _ => 3 } };
        })];
        IDataView data = _ml.Data.LoadFromEnumerable(rows);
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            MissingValues = MissingValueHandling.MeanImputation,
            Network = net => net.EmbedColumns([new(1, 3, 2)]).Dense(16).Relu(),
            NumberOfEpochs = 40,
            Seed = 1,
        }).Fit(data);
        Assert.Equal(rows.Average(row => row.Features[0]), model.Model.ImputedValues![0], 1e-5f);
        Assert.Equal(0, model.Model.ImputedValues[1]);
        Assert.True(_ml.Regression.Evaluate(model.Transform(data), "Number").RSquared > 0.9); // as category 2 it would be neither 10 nor 0
    }

    private sealed class Row
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        public float Number { get; set; }
    }
}
