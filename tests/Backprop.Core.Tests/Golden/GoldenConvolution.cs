using System.Text.Json;

namespace Backprop.Tests;

/// <summary>Runs the golden cases of conv2d and conv1d. Files have the channels first, we have them last.</summary>
internal static class GoldenConvolution
{
    public static GoldenRun Conv2d(GoldenCase c, Device device) => Run(c, device, weightOrder: [2, 3, 1, 0], (x, weight, bias) =>
        x.Conv2d(weight, bias, Pair(c, "stride"), Pair(c, "padding"), Pair(c, "dilation"), (int)c.Number("groups")));

    public static GoldenRun Conv1d(GoldenCase c, Device device) => Run(c, device, weightOrder: [2, 1, 0], (x, weight, bias) =>
        x.Conv1d(weight, bias, (int)c.Number("stride"), (int)c.Number("padding"), (int)c.Number("dilation"), (int)c.Number("groups")));

    private static GoldenRun Run(GoldenCase c, Device device, int[] weightOrder, Func<Tensor, Tensor, Tensor, Tensor> apply)
    {
        int rank = weightOrder.Length;
        int[] channelsLast = [0, .. Enumerable.Range(2, rank - 2), 1], channelsFirst = [0, rank - 1, .. Enumerable.Range(1, rank - 2)];
        int[] weightBack = [.. Enumerable.Range(0, rank).Select(axis => Array.IndexOf(weightOrder, axis))];
        using var tape = new Tape(device);
        Tensor Input(string name, int[] order)
        {
            GoldenTensor tensor = c.Inputs[name].Permute(order);
            return tape.Input(tensor.Floats, tensor.Shape, c.HasGradient(name));
        }

        var run = new GoldenRun();
        Tensor x = Input("x", channelsLast), weight = Input("weight", weightOrder), bias = c.Inputs.ContainsKey("bias") ? GoldenRun.Input(tape, c, "bias") : default;
        Tensor y = apply(x, weight, bias);
        run.Outputs["y"] = new GoldenTensor(y.Shape.ToArray(), GoldenRun.Values(y)).Permute(channelsFirst).Data;
        if (c.GradOutput is null)
            return run;
        tape.Backward(y, c.GradOutput["y"].Permute(channelsLast).Floats);
        run.Gradients["x"] = new GoldenTensor(x.Shape.ToArray(), GoldenRun.GradientOf(x)).Permute(channelsFirst).Data;
        run.Gradients["weight"] = new GoldenTensor(weight.Shape.ToArray(), GoldenRun.GradientOf(weight)).Permute(weightBack).Data;
        if (!bias.IsDefault)
            run.Gradients["bias"] = GoldenRun.GradientOf(bias);
        return run;
    }

    private static Size2d Pair(GoldenCase c, string attribute)
    {
        JsonElement value = c.Find(attribute) ?? throw new InvalidDataException($"{c.Name}: attribute '{attribute}' is missing.");
        return (value[0].GetInt32(), value[1].GetInt32());
    }
}
