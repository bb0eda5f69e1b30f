namespace Backprop.Tests;

/// <summary>Runs the golden cases of gradient checkpointing, and holds that nothing but memory distinguishes them from plain ones.</summary>
internal static class GoldenCheckpointing
{
    public static GoldenRun Run(GoldenCase c, Device device)
    {
        int[] segments = [.. c.Attributes["segments"].EnumerateArray().Select(count => count.GetInt32())];
        int layersPerUnit = c.Text("kind") == "mlp" ? 1 : 2; // convolution and normalisation
        int[] starts = [.. segments.Select((_, i) => layersPerUnit * segments.Take(i).Sum())];
        GoldenRun plain = Run(c, device, [0]), cut = Run(c, device, starts);

        // With an empty segment behind, the last one is computed again, too.
        GoldenRun all = Run(c, device, [.. starts, layersPerUnit * segments.Sum()]);
        foreach (GoldenRun other in new[] { cut, all })
        {
            Assert.Equal(plain.Outputs, other.Outputs);
            Assert.Equal(plain.Gradients, other.Gradients);
        }

        return all;
    }

    private static GoldenRun Run(GoldenCase c, Device device, int[] starts) =>
        c.Text("kind") == "mlp" ? GoldenTraining.MlpStep(c, device, starts) : GoldenResidual.ConvolutionsStep(c, device, starts);
}
