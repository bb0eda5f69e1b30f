using Backprop.Devices.Cpu;
using Backprop.ML;
using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.Benchmarks.Figures;

/// <summary>Predictions of the 784-256-128-10 network through the engine and through ML.NET.</summary>
internal static class PredictionFigures
{
    private const int Width = 784, Classes = 10, Distinct = 500;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        Network network = FigureNetworks.Small(device);
        foreach (int rows in new[] { 64, 1024 })
        {
            float[] inputs = FigureData.Values(rows * Width, 3), outputs = new float[rows * Classes];
            run.Rate($"infer.mlp.batch{rows}", rows, "rows/s", () => network.Predict(inputs, outputs));
        }

        float[] row = FigureData.Values(Width, 3), scores = new float[Classes];
        run.TimeAndAllocation("infer.mlp.predict_row", 1e6, "us", () => network.Predict(row, scores));

        // As a trainer makes it, but on this number of threads.
        var ml = new MLContext(seed: 1);
        var transformer = new NeuralNetworkTransformer(
            Seam.EnvironmentOf(ml.MulticlassClassification), ModelTask.MulticlassClassification, FeatureLayout.OfVector(nameof(Example.Features), network.InputShape.Length),
            new NeuralNetworkModelParameters(network, history: null), keyValues: null);
        Engine(run, "infer.mlp.prediction_engine", ml, transformer, row);
        Rows(run, "infer.mlp.idataview", ml, transformer, seed => FigureData.Values(Width, seed), Width, 20_000);

        if (FigureData.Digits(Distinct) is { Length: > 0 } digits)
            Digits(run, ml, network, transformer, digits);
        Rows(run, "infer.mlp30.idataview", ml, Thirty(ml, device), seed => FigureData.Values(30, seed), 30, 100_000);
        device.Workers.Dispose();
    }

    /// <summary>The same of real pictures, four in five of whose pixels are 0.</summary>
    private static void Digits(FigureRun run, MLContext ml, Network network, NeuralNetworkTransformer transformer, float[][] digits)
    {
        const int Rows = 64;
        float[] row = digits[0], inputs = [.. digits.Take(Rows).SelectMany(digit => digit)], outputs = new float[Rows * Classes];
        run.Rate($"infer.digits.batch{Rows}", Rows, "rows/s", () => network.Predict(inputs, outputs));
        run.TimeAndAllocation("infer.digits.predict_row", 1e6, "us", () => network.Predict(row, outputs));
        Engine(run, "infer.digits.prediction_engine", ml, transformer, row);
        PredictionFigures.Rows(run, "infer.digits.idataview", ml, transformer, seed => digits[seed], Width, 20_000);
    }

    /// <summary>A regression by the 30-64-64-1 network.</summary>
    private static NeuralNetworkTransformer Thirty(MLContext ml, CpuDevice device)
    {
        Network network = Network.Build(net => net.Dense(64).Relu().Dense(64).Relu().Dense(1), [30], seed: 1, device);
        return new NeuralNetworkTransformer(Seam.EnvironmentOf(ml.Regression), ModelTask.Regression, FeatureLayout.OfVector(nameof(Row.Features), 30),
            new NeuralNetworkModelParameters(network, history: null), keyValues: null);
    }

    private static void Engine(FigureRun run, string name, MLContext ml, ITransformer transformer, float[] features)
    {
        PredictionEngine<Example, Prediction> engine = ml.Model.CreatePredictionEngine<Example, Prediction>(transformer);
        var example = new Example { Features = features };
        var prediction = new Prediction();
        run.TimeAndAllocation(name, 1e6, "us", () => engine.Predict(example, ref prediction));
    }

    private static void Rows(FigureRun run, string name, MLContext ml, ITransformer transformer, Func<int, float[]> features, int width, int count)
    {
        if (!run.Wants(name))
            return;
        Row[] distinct = [.. Enumerable.Range(0, Distinct).Select(seed => new Row { Features = features(seed) })];
        var schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, width);
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i => distinct[i % Distinct]).ToArray(), schema);
        run.Rate(name, count, "rows/s", () =>
        {
            IDataView scored = transformer.Transform(data);
            DataViewSchema.Column column = scored.Schema["Score"];
            using DataViewRowCursor cursor = scored.GetRowCursor([column]);
            if (column.Type is VectorDataViewType)
                ReadAll<VBuffer<float>>(cursor, column);
            else
                ReadAll<float>(cursor, column);
        });
    }

    private static void ReadAll<T>(DataViewRowCursor cursor, DataViewSchema.Column column)
    {
        ValueGetter<T> get = cursor.GetGetter<T>(column);
        T value = default!;
        while (cursor.MoveNext())
            get(ref value);
    }

    private sealed class Example
    {
        [VectorType(Width)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }

    private sealed class Prediction
    {
        public float[] Score { get; set; } = [];
    }
}
