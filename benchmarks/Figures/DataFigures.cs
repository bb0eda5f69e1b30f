using Backprop.Devices.Cpu;
using Backprop.ML;
using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.Benchmarks.Figures;

/// <summary>What it costs to read rows out of ML.NET, and how much of a training that is.</summary>
internal static class DataFigures
{
    /// <summary>The rows of a mini-batch.</summary>
    internal const int BatchSize = 128;

    private const int Classes = 10;

    private static readonly TrainingColumns Columns = new([nameof(Example.Features)], nameof(Example.Label), LabelKind.Number);

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        var ml = new MLContext(seed: 1);
        IHost host = Seam.EnvironmentOf(ml.Regression).Register(nameof(DataFigures));
        (string Name, IDataView View, int Rows, int Width)[] sets =
        [
            ("30", Dense(ml, 50_000, 30), 50_000, 30),
            ("784", Dense(ml, 10_000, 784), 10_000, 784),
            ("sparse20000x50", Sparse(ml, 10_000, 20_000, 50), 10_000, 20_000),
        ];
        foreach ((string name, IDataView view, int rows, _) in sets)
        {
            run.Rate($"data.read.{name}", rows, "rows/s", () => Read(host, view, long.MaxValue));
            run.Rate($"data.count.{name}", rows, "rows/s", () => Read(host, view, 1));
        }
        foreach ((string name, IDataView view, int rows, int width) in sets)
        {
            // Streamed with the budget of the row that made them too many, but with a buffer as it is by default, relative to the rows.
            Epoch(run, $"data.epoch.{name}.memory", Source(Read(host, view, long.MaxValue)), width);
            Epoch(run, $"data.epoch.{name}.streamed", Source(Read(host, view, 1), rows / 4), width);
        }

        CpuDevice device = EngineData.Device(run.Threads);
        Predict(run, ml, device);
        IDataView images = sets[1].View;
        Train(run, "data.train.784.engine_alone", new NoReading(10_000, 784), device);
        Train(run, "data.train.784.memory", Source(Read(host, images, long.MaxValue)), device);
        Train(run, "data.train.784.streamed", Source(Read(host, images, 1), 2_500), device);
        device.Workers.Dispose();
    }

    /// <summary>Reads rows as a training does; with a small budget they pass by.</summary>
    internal static TrainingData Read(IHost host, IDataView view, long budget)
    {
        using IChannel channel = host.Start("Reading");
        return TrainingDataReader.Read(channel, new Examples(host, Columns, view, "Training set"), new MemoryPlan(budget, null), () => { });
    }

    /// <summary>The mini-batches of rows, standardised.</summary>
    internal static BatchSource Source(TrainingData data, int bufferRows = 0)
    {
        data.Prepare(new Preparation(Standardization.Of(data.MeasureFeatures(), data.Columns, scaleOfConstants: 0), null, null));
        return data is StreamedData streamed ? new StreamedSource(streamed, bufferRows, CancellationToken.None) : data.CreateSource(BatchSize, CancellationToken.None);
    }

    private static void Epoch(FigureRun run, string name, BatchSource source, int width)
    {
        using var ends = source as IDisposable;
        float[] features = new float[BatchSize * width], targets = new float[BatchSize];
        int epoch = 0;
        run.Rate(name, source.RowCount, "rows/s", () =>
        {
            source.Begin(1, epoch++, shuffle: true);
            while (source.Read(features, targets, []) > 0)
            {
            }
        });
    }

    /// <summary>A text of 100 different words out of 50,000 through a prediction engine.</summary>
    private static void Predict(FigureRun run, MLContext ml, CpuDevice device)
    {
        const int Words = 50_000;
        Network network = Network.Build(net => net.Dense(256).Relu().Dense(1), [Words], seed: 1, device);
        var transformer = new NeuralNetworkTransformer(Seam.EnvironmentOf(ml.Regression), ModelTask.Regression, FeatureLayout.OfVector(nameof(Example.Features), Words),
            new NeuralNetworkModelParameters(network, history: null), keyValues: null);
        IDataView text = Sparse(ml, 1, Words, 100);
        using DataViewRowCursor cursor = text.GetRowCursor(text.Schema);
        cursor.MoveNext();
        VBuffer<float> features = default;
        cursor.GetGetter<VBuffer<float>>(text.Schema[nameof(Example.Features)])(ref features);
        var schema = SchemaDefinition.Create(typeof(Example));
        schema[nameof(Example.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Words);
        PredictionEngine<Example, Prediction> engine = ml.Model.CreatePredictionEngine<Example, Prediction>(transformer, inputSchemaDefinition: schema);
        Example sparse = new() { Features = features }, dense = new() { Features = new VBuffer<float>(Words, FigureData.Values(Words, 1)) };
        var prediction = new Prediction();
        run.TimeAndAllocation("data.predict.50000-256-1.sparse100", 1e6, "us", () => engine.Predict(sparse, ref prediction));
        run.TimeAndAllocation("data.predict.50000-256-1.dense", 1e6, "us", () => engine.Predict(dense, ref prediction));
    }

    private static void Train(FigureRun run, string name, BatchSource source, CpuDevice device)
    {
        using var ends = source as IDisposable;
        Network network = FigureNetworks.Small(device);
        var loop = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { Optimizer = new Adam(), NumberOfEpochs = 1, BatchSize = BatchSize });
        run.Rate(name, source.RowCount, "rows/s", () => loop.Run(source));
    }

    /// <summary>Dense rows in ML.NET's cache.</summary>
    internal static IDataView Dense(MLContext ml, int rows, int width)
    {
        const int Distinct = 500;
        float[][] values = [.. Enumerable.Range(0, Distinct).Select(seed => FigureData.Values(width, seed))];
        return Cached(ml, Enumerable.Range(0, rows).Select(row => new Example { Features = new VBuffer<float>(width, values[row % Distinct]), Label = row % Classes }), width);
    }

    private static IDataView Sparse(MLContext ml, int rows, int width, int valuesPerRow)
    {
        var random = new Random(1);
        return Cached(ml, Enumerable.Range(0, rows).Select(row =>
        {
            int[] indices = [.. Enumerable.Range(0, valuesPerRow).Select(_ => random.Next(width)).Distinct().Order()];
            return new Example { Features = new VBuffer<float>(width, indices.Length, FigureData.Values(indices.Length, row), indices), Label = row % Classes };
        }), width);
    }

    /// <summary>A view whose rows are in ML.NET's cache.</summary>
    private static IDataView Cached(MLContext ml, IEnumerable<Example> rows, int width)
    {
        var schema = SchemaDefinition.Create(typeof(Example));
        schema[nameof(Example.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, width);
        IDataView view = ml.Data.Cache(ml.Data.LoadFromEnumerable(rows.ToArray(), schema));
        using DataViewRowCursor cursor = view.GetRowCursor(view.Schema);
        while (cursor.MoveNext())
        {
        }
        return view;
    }

    /// <summary>Gives the same mini-batch again and again, written once an epoch: what is left is the engine.</summary>
    internal sealed class NoReading(int rows, int width) : BatchSource
    {
        private readonly float[] _values = FigureData.Values(BatchSize * width, 1);
        private int _left;

        public override Shape RowShape { get; } = [width];

        public override int TargetsPerRow => 1;

        public override bool HasWeights => false;

        public override long RowCount => rows;

        public override void Begin(int seed, int epoch, bool shuffle) => _left = rows;

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            if (_left == rows)
            {
                _values.CopyTo(features);
                for (int i = 0; i < targets.Length; i++)
                    targets[i] = i % Classes;
            }
            int read = Math.Min(_left, targets.Length);
            _left -= read;
            return read;
        }
    }

    private sealed class Example
    {
        public VBuffer<float> Features { get; set; }

        public float Label { get; set; }
    }

    private sealed class Prediction
    {
        public float Score { get; set; }
    }
}
