using System.Numerics.Tensors;

namespace Backprop.ML.Scoring;

/// <summary>A network and the columns its outputs become. It is read-only, so any number of threads may score with it.</summary>
internal sealed class Scorer(Network network, ScoreColumns columns)
{
    /// <summary>The number of features a row.</summary>
    public int FeatureCount { get; } = network.InputShape.Length;

    /// <summary>The images that a row holds; null if it holds none.</summary>
    public ImageDefinition? Image { get; } = network.Definition.Layers.FirstOrDefault() as ImageDefinition;

    /// <summary>Whether the processor computes.</summary>
    public bool IsOnProcessor { get; } = network.Device.MaximumPredictionRows == Device.Cpu.MaximumPredictionRows;

    /// <summary>The output columns.</summary>
    public ScoreColumns Columns => columns;

    /// <summary>
    /// Scores rows of dense features. A row with a missing or infinite feature gets NaN scores: left to itself a network may well
    /// give it a plausible one, since max(0, NaN) can be 0.
    /// </summary>
    public void Score(ReadOnlySpan<float> features, Span<float> scores)
    {
        network.Predict(features, scores);
        columns.Finish(features, scores);
        if (TensorPrimitives.IsFiniteAll(features))
            return;
        for (; features.Length > 0; features = features[FeatureCount..], scores = scores[columns.NetworkOutputs..])
        {
            if (!TensorPrimitives.IsFiniteAll(features[..FeatureCount]))
                scores[..columns.NetworkOutputs].Fill(float.NaN);
        }
    }
}
