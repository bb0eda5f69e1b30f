using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>MLContext.CancelExecution while rows pass by: it ends the reading, on whatever thread that is, and nothing stays open.</summary>
public sealed class StreamedCancellationTests
{
    private const int RowCount = 4000, BytesPerRow = (Samples.FeatureCount + 2) * sizeof(float);

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(0)] // reading them first
    [InlineData(1)] // holding rows out
    [InlineData(2)] // the first epoch
    [InlineData(4)] // a later one
    public void It_ends_the_training_in_every_pass(int cancelledPass)
    {
        var view = new WatchedView(Samples.View(_ml, RowCount));
        view.BeforeRow = (pass, row) =>
        {
            if (pass == cancelledPass && row == 700)
                Cancel();
            return true;
        };
        Exception e = Assert.ThrowsAny<OperationCanceledException>(() => Trainer(epochs: 100_000).Fit(view));
        Assert.Equal("Operation was canceled.", e.Message);
        Assert.Equal(0, view.Open);
    }

    // The training stands and waits for rows then, so it is not the training that can look whether it is to stop.
    [Fact]
    public void It_is_noticed_while_the_training_waits_for_slow_rows()
    {
        bool isCancelled = false;
        int rowsAfter = 0;
        var view = new WatchedView(Samples.View(_ml, RowCount));
        view.BeforeRow = (pass, row) =>
        {
            if (pass == 2 && row == 10) // before the first buffer is full
            {
                Cancel();
                isCancelled = true;
            }
            if (isCancelled)
            {
                rowsAfter++;
                Thread.Sleep(10);
            }
            return true;
        };
        Assert.ThrowsAny<OperationCanceledException>(() => Trainer(epochs: 5).Fit(view));
        Assert.Equal(0, view.Open);
        Assert.InRange(rowsAfter, 1, 1200); // the buffer is not full before 1,500
    }

    // MLContext.CancelExecution is internal to ML.NET; Microsoft.ML.Experimental calls it.
    private void Cancel() => typeof(MLContext).GetMethod("CancelExecution", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.Invoke(_ml, null);

    private NeuralNetworkRegressionTrainer Trainer(int epochs) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        MemoryBudget = 3900 * BytesPerRow,
        ShuffleBufferRows = 1400,
        ValidationFraction = 0.1f,
        EarlyStopping = EarlyStopping.Never,
        BatchSize = 64,
        NumberOfEpochs = epochs,
        Seed = 1,
    });
}
