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
    private const int Width = 784, Classes = 10;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        Network network = EngineData.SmallNetwork(device);
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
        Engine(run, ml, transformer);
        Rows(run, ml, transformer);
        device.Workers.Dispose();
    }

    private static void Engine(FigureRun run, MLContext ml, ITransformer transformer)
    {
        PredictionEngine<Example, Prediction> engine = ml.Model.CreatePredictionEngine<Example, Prediction>(transformer);
        var example = new Example { Features = FigureData.Values(Width, 3) };
        var prediction = new Prediction();
        run.TimeAndAllocation("infer.mlp.prediction_engine", 1e6, "us", () => engine.Predict(example, ref prediction));
    }

    private static void Rows(FigureRun run, MLContext ml, ITransformer transformer)
    {
        if (!run.Wants("infer.mlp.idataview"))
            return;
        const int Count = 20_000, Distinct = 500;
        Example[] distinct = [.. Enumerable.Range(0, Distinct).Select(seed => new Example { Features = FigureData.Values(Width, seed) })];
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, Count).Select(i => distinct[i % Distinct]).ToArray());
        run.Rate("infer.mlp.idataview", Count, "rows/s", () =>
        {
            IDataView scored = transformer.Transform(data);
            DataViewSchema.Column column = scored.Schema["Score"];
            using DataViewRowCursor cursor = scored.GetRowCursor([column]);
            ValueGetter<VBuffer<float>> getScore = cursor.GetGetter<VBuffer<float>>(column);
            VBuffer<float> score = default;
            while (cursor.MoveNext())
                getScore(ref score);
        });
    }

    private sealed class Example
    {
        [VectorType(Width)]
        public float[] Features { get; set; } = [];
    }

    private sealed class Prediction
    {
        public float[] Score { get; set; } = [];
    }
}
