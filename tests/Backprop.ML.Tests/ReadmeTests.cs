using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>The examples of the README about insight, control and memory, as they stand there, on small data.</summary>
public sealed class ReadmeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("readme-").FullName;
    private readonly MLContext _ml = new(seed: 1);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IDataView Rows(int seed) => _ml.Data.LoadFromEnumerable(Samples.Rows(200, seed).Select(row => new Row { Features = row.Features, Label = row.Number }));

    [Fact]
    public void Seeing_what_happens()
    {
        IDataView data = Rows(1);
        string csv = Path.Combine(_folder, "history.csv");

        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            NumberOfEpochs = 20,
            ValidationFraction = 0.1f,
            GradientReportInterval = 10,                              // every how many epochs; 0, the default, never
            Progress = new Progress<TrainingProgress>(Console.WriteLine),
        }).Fit(data);

        TrainingHistory history = model.Model.History!;
        history.SaveCsv(csv);                               // or SaveJson
        Console.WriteLine(history.Epochs[9].GradientReport);

        Assert.Equal(21, File.ReadAllLines(csv).Length);
        string report = history.Epochs[9].GradientReport!.ToString();
        Assert.StartsWith("Gradient report: ", report);
        Assert.Contains("saturated", report);
        Assert.Null(history.Epochs[8].GradientReport);
    }

    [Fact]
    public void Stopping_resuming_going_on()
    {
        IDataView data = Rows(1), newData = Rows(2);
        var options = new NeuralNetworkRegressionTrainer.Options
        {
            Network = net => net.Dense(64).Relu().Dense(32).Relu(),
            NumberOfEpochs = 20,
            CheckpointPath = Path.Combine(_folder, "run1.ckpt"),      // written after each epoch, or CheckpointEverySteps
            ResumeFromCheckpoint = true,                              // if there is one; the result is that of never having stopped, bit for bit
            MaximumTrainingTime = TimeSpan.FromHours(1),              // validation included; keeps what was learned by then
            Seed = 1,
        };
        NeuralNetworkTransformer first = _ml.Regression.Trainers.NeuralNetwork(options).Fit(data);

        // Train the same network further, on new rows.
        NeuralNetworkTransformer further = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            Optimizer = new AdamW { LearningRate = 1e-4f },
            NumberOfEpochs = 5,
        }).Fit(newData, first);
        Assert.Equal(5, further.Model.History!.Epochs.Count);

        // Take a network's layers into another one by name, and train only what is behind them.
        NeuralNetworkTransformer other = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            Network = net => net.Dense(64).Relu().Dense(32).Relu().Dense(16).Relu(),
            InitialWeights = first.Model.Network,
            Optimizer = new AdamW { ParameterGroups = [new ParameterGroup("dense_1", "dense_2") { IsFrozen = true }] },
            NumberOfEpochs = 5,
        }).Fit(data);
        Assert.Equal(first.Model.Network.Parameters["dense_2.weight"].Value.ToArray(), other.Model.Network.Parameters["dense_2.weight"].Value.ToArray());
    }

    [Fact]
    public void When_memory_is_short()
    {
        var options = new NeuralNetworkRegressionTrainer.Options
        {
            BatchSize = 64,
            GradientAccumulationSteps = 4,            // steps as with 256 rows, memory for 64
            GradientCheckpointing = CheckpointPolicy.Auto,            // computes activations again if they do not fit
            Precision = Precision.MixedBFloat16,                      // keeps them in 16 bits
        };
        options.NumberOfEpochs = 3;
        Assert.Equal(3, _ml.Regression.Trainers.NeuralNetwork(options).Fit(Rows(1)).Model.History!.Epochs.Count);
    }

    internal sealed class Row
    {
        [Microsoft.ML.Data.VectorType(Samples.FeatureCount)]
        public float[] Features { get; set; } = [];

        public float Label { get; set; }
    }
}
