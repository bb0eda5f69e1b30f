using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>What can go wrong with rows that pass by: other weights, cursors that fail at once, too little memory for those held out.</summary>
public sealed class StreamedSafetyTests
{
    private const int Width = Samples.FeatureCount, BytesPerRow = (Width + 3) * sizeof(float);

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(0f)]
    [InlineData(0.2f)]
    public void A_view_that_gives_other_weights_is_an_error(float validationFraction)
    {
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(validationFraction).Fit(Changing((pass, row) => row.Weight = row.Index == 17 ? pass + 1 : row.Weight)));
        Assert.Contains("gives other labels or weights", e.Message, StringComparison.Ordinal);
        Assert.Contains("the same rows in the same order", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_may_be_others_each_time()
    {
        var random = new Random(1);
        Assert.Equal(2, Trainer(0.2f).Fit(Changing((_, row) => row.Features = [.. row.Features.Select(x => x + random.NextSingle() / 10)])).Model.History!.Epochs.Count);
    }

    [Theory]
    [InlineData(0, "Features")]
    [InlineData(0, "Number")]
    [InlineData(0, "Weight")]
    [InlineData(1, "Weight")]
    [InlineData(2, "Number")]
    public void A_cursor_that_has_no_getter_for_a_column_is_disposed_of(int failingPass, string failing)
    {
        var view = new WatchedView(Samples.View(_ml, 500))
        {
            BeforeGetter = (pass, name) =>
            {
                if (pass == failingPass && name == failing)
                    throw new NotSupportedException("no getter");
            },
        };
        Assert.Throws<NotSupportedException>(() => Trainer(0.2f).Fit(view));
        Assert.Equal(failingPass + 1, view.Passes);
        Assert.Equal(0, view.Open);
    }

    [Theory]
    [InlineData("Features", "Score")]
    [InlineData("Number", "Number")]
    public void A_scored_view_disposes_of_such_a_cursor_too(string failing, string asked)
    {
        IDataView data = Samples.View(_ml, 50);
        ITransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1).Fit(data);
        var view = new WatchedView(data)
        {
            BeforeGetter = (_, name) =>
            {
                if (name == failing)
                    throw new NotSupportedException("no getter");
            },
        };
        IDataView scored = model.Transform(view);
        Assert.Throws<NotSupportedException>(() => scored.GetRowCursor([scored.Schema["Score"], scored.Schema[asked]]));
        Assert.Throws<NotSupportedException>(() => scored.GetRowCursorSet([scored.Schema["Score"], scored.Schema[asked]], 2));
        Assert.Equal(0, view.Open);
    }

    // 200 bytes are a quarter of 800: room for the rows to learn from, and for seven of the forty held out, in two buffers.
    [Fact]
    public void Too_little_memory_for_the_rows_held_out_is_told_as_such()
    {
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(0.2f, budget: 800, batchSize: 10).Fit(Samples.View(_ml, 200)));
        Assert.Contains("the rows held out to validate (ValidationFraction) get a quarter of the option MemoryBudget, 200 bytes,", e.Message, StringComparison.Ordinal);
        Assert.Contains("two buffers of one mini-batch, 10 rows", e.Message, StringComparison.Ordinal);
        Assert.Contains("Raise the budget, or lower BatchSize.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_budget_of_less_than_one_row_is_told_as_such()
    {
        var view = new WatchedView(Samples.View(_ml, 200));
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(0, budget: 1).Fit(view));
        Assert.Contains($"the option MemoryBudget leaves 1 bytes for the rows that are read ahead, but two buffers of one mini-batch, 32 rows of about {BytesPerRow} bytes each take", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, view.Open);
    }

    private IDataView Changing(Action<int, Sample> change)
    {
        int passes = 0;
        IEnumerable<Sample> Rows()
        {
            int pass = passes++;
            foreach (Sample row in Samples.Rows(500))
            {
                change(pass, row);
                yield return row;
            }
        }
        return _ml.Data.LoadFromEnumerable(Rows());
    }

    private NeuralNetworkRegressionTrainer Trainer(float validationFraction, long budget = 300 * BytesPerRow, int batchSize = 32) =>
        _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            ExampleWeightColumnName = "Weight",
            MemoryBudget = budget,
            BatchSize = batchSize,
            NumberOfEpochs = 2,
            ValidationFraction = validationFraction,
            Seed = 1,
        });
}
