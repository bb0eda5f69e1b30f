namespace Backprop.Tests;

/// <summary>Runs the golden cases of embeddings.</summary>
internal static class GoldenEmbedding
{
    public static GoldenRun Run(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor indices = tape.Input(c.Inputs["indices"].Floats, c.Inputs["indices"].Shape), weight = GoldenRun.Input(tape, c, "weight");
        int? padding = c.Find("padding_idx") is { } index ? index.GetInt32() : null;
        run.Finish(tape, c, "y", indices.Embedding(weight, padding), ("weight", weight));
        return run;
    }
}
