namespace Backprop.Tests;

/// <summary>Runs the golden cases of residual blocks and of the training of a convolutional network, through the layers.</summary>
internal static class GoldenResidual
{
    /// <summary>The files' names of our parameters.</summary>
    private static readonly Dictionary<string, string> BasicNames = new()
    {
        ["residual_1.conv1"] = "conv1",
        ["residual_1.bn1"] = "bn1",
        ["residual_1.conv2"] = "conv2",
        ["residual_1.bn2"] = "bn2",
        ["residual_1.shortcut.conv2d_1"] = "convp",
        ["residual_1.shortcut.batch_norm_1"] = "bnp",
    };

    private static readonly Dictionary<string, string> MlpNames = new()
    {
        ["residual_1.ln"] = "ln",
        ["residual_1.fc1"] = "fc1",
        ["residual_1.fc2"] = "fc2",
    };

    private static readonly Dictionary<string, string> CnnNames = new[] { "conv1", "bn1", "conv2", "bn2", "fc" }.ToDictionary(name => name);

    public static GoldenRun Block(GoldenCase c, Device device) => c.Text("kind") switch
    {
        "basic" => Basic(c, device),
        "mlp_prenorm" => Mlp(c, device),
        string other => throw new NotSupportedException($"{c.Name}: a block of kind '{other}'."),
    };

    public static GoldenRun TrainingCnn(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        int[] shape = c.Inputs["x"].Shape;
        int First(string name) => c.Inputs[name].Shape[0];
        float epsilon = (float)c.Number("eps"), momentum = (float)c.Number("momentum");
        Network network = Network.Build(
            net => net.Conv2d(First("conv1.weight"), 3, padding: 1, useBias: false, name: "conv1").BatchNorm(momentum, epsilon, name: "bn1").Relu().MaxPool2d(2)
                .Conv2d(First("conv2.weight"), 3, padding: 1, useBias: false, name: "conv2").BatchNorm(momentum, epsilon, name: "bn2").Relu().GlobalAveragePool2d()
                .Dense(First("fc.weight"), name: "fc"),
            GoldenNormalization.ShapeToLast(shape).Row(), device: device);
        Load(c, network, CnnNames);
        OptimizerState optimizer = GoldenTraining.OptimizerOf(c.Attributes["optimizer"]).For(network.Parameters);
        run.Outputs["losses"] = [.. c.Attributes["batch_rows"].EnumerateArray().Select(batch => Step(batch[0].GetInt32(), batch[1].GetInt32()))];
        StoreParameters(run, network, CnnNames);

        // Recorded, so that nothing is folded; and folded.
        float[] all = GoldenNormalization.ToLast(c.Inputs["x"].Data, shape).Floats();
        using (var tape = new Tape(device))
            run.Outputs["eval_logits"] = GoldenRun.Values(network.Forward(tape.Input(all, GoldenNormalization.ShapeToLast(shape))));
        using Tape inference = Tape.ForInference(device);
        double[] folded = GoldenRun.Values(network.Forward(inference.Input(all, GoldenNormalization.ShapeToLast(shape))));
        for (int i = 0; i < folded.Length; i++)
            Assert.Equal(run.Outputs["eval_logits"][i], folded[i], 1e-5 * run.Outputs["eval_logits"].Max(Math.Abs));
        return run;

        double Step(int first, int count)
        {
            int width = shape[1..].Aggregate(1, (a, b) => a * b);
            int[] batchShape = [count, .. shape[1..]];
            using var tape = new Tape(device);
            Tensor x = tape.Input(GoldenNormalization.ToLast(c.Inputs["x"].Data[(first * width)..((first + count) * width)], batchShape).Floats(), GoldenNormalization.ShapeToLast(batchShape));
            Tensor loss = Losses.CrossEntropy(network.Forward(x, training: true), c.Inputs["target"].Integers.AsSpan(first, count));
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
            return GoldenRun.Values(loss)[0];
        }
    }

    /// <summary>One forward and backward pass of relu(bn(conv3x3(x))), repeated, that is cut into segments.</summary>
    public static GoldenRun ConvolutionsStep(GoldenCase c, Device device, int[] segmentStarts)
    {
        int[] shape = c.Inputs["x"].Shape;
        int units = c.Attributes["segments"].EnumerateArray().Sum(count => count.GetInt32());
        Network network = Network.Build(
            net =>
            {
                for (int i = 1; i <= units; i++)
                    net = net.Conv2d(c.Inputs[$"conv{i}.weight"].Shape[0], 3, padding: 1, useBias: false, name: $"conv{i}").BatchNorm((float)c.Number("momentum"), (float)c.Number("eps"), name: $"bn{i}").Relu();
                return net;
            },
            GoldenNormalization.ShapeToLast(shape).Row(), device: device);
        Load(c, network, CnnNames);
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor x = tape.Input(GoldenNormalization.ToLast(c.Inputs["x"].Data, shape).Floats(), GoldenNormalization.ShapeToLast(shape), requiresGradient: true);
        Tensor y = network.Forward(x, training: true, segmentStarts);
        run.Outputs["y"] = GoldenNormalization.ToFirst(GoldenRun.Values(y), c.Outputs["y"].Shape);
        tape.Backward(y, GoldenNormalization.ToLast(c.GradOutput!["y"].Data, c.GradOutput["y"].Shape).Floats());
        StoreParameters(run, network, CnnNames); // behind the second run of each segment
        run.Gradients["x"] = GoldenNormalization.ToFirst(GoldenRun.GradientOf(x), shape);
        StoreGradients(run, network, CnnNames);
        return run;
    }

    private static GoldenRun Basic(GoldenCase c, Device device)
    {
        int[] shape = c.Inputs["x"].Shape;
        int filters = c.Inputs["conv1.weight"].Shape[0], stride = (int)c.Number("stride");
        float epsilon = (float)c.Number("eps"), momentum = (float)c.Number("momentum");
        Network network = Network.Build(
            net => net.Residual(block => block
                .Conv2d(filters, 3, stride, padding: 1, useBias: false, name: "conv1").BatchNorm(momentum, epsilon, name: "bn1").Relu()
                .Conv2d(filters, 3, padding: 1, useBias: false, name: "conv2").BatchNorm(momentum, epsilon, name: "bn2")).Relu(),
            GoldenNormalization.ShapeToLast(shape).Row(), device: device);
        Assert.Equal(c.Flag("projection"), network.Parameters.Any(parameter => parameter.Name.Contains("shortcut")));
        Load(c, network, BasicNames);
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor x = tape.Input(GoldenNormalization.ToLast(c.Inputs["x"].Data, shape).Floats(), GoldenNormalization.ShapeToLast(shape), requiresGradient: true);
        Tensor y = network.Forward(x, c.Flag("training"));
        run.Outputs["y"] = GoldenNormalization.ToFirst(GoldenRun.Values(y), c.Outputs["y"].Shape);
        StoreParameters(run, network, BasicNames);
        tape.Backward(y, GoldenNormalization.ToLast(c.GradOutput!["y"].Data, c.GradOutput["y"].Shape).Floats());
        run.Gradients["x"] = GoldenNormalization.ToFirst(GoldenRun.GradientOf(x), shape);
        StoreGradients(run, network, BasicNames);
        return run;
    }

    private static GoldenRun Mlp(GoldenCase c, Device device)
    {
        ActivationKind kind = Enum.Parse<ActivationKind>(c.Text("activation"), ignoreCase: true);
        Network network = Network.Build(
            net => net.Residual(block => block.LayerNorm((float)c.Number("eps"), name: "ln").Dense(c.Inputs["fc1.weight"].Shape[0], name: "fc1").Activation(kind).Dense(c.Inputs["fc2.weight"].Shape[0], name: "fc2")),
            [c.Inputs["x"].Shape[1]], device: device);
        Load(c, network, MlpNames);
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor x = GoldenRun.Input(tape, c, "x");
        run.Finish(tape, c, "y", network.Forward(x, training: true), ("x", x));
        StoreGradients(run, network, MlpNames);
        return run;
    }

    private static string NameInFile(Parameter parameter, Dictionary<string, string> names)
    {
        int dot = parameter.Name.LastIndexOf('.');
        return names[parameter.Name[..dot]] + parameter.Name[dot..];
    }

    private static void Load(GoldenCase c, Network network, Dictionary<string, string> names)
    {
        foreach (Parameter parameter in network.Parameters)
        {
            if (c.Inputs.TryGetValue(NameInFile(parameter, names), out GoldenTensor? values))
                parameter.Value.SetValues((parameter.Kind == ParameterKind.Weight ? values.Permute([.. Enumerable.Range(2, values.Shape.Length - 2), 1, 0]) : values).Floats);
            else
                Assert.Equal(ParameterKind.Statistic, parameter.Kind); // begin at mean 0 and variance 1
        }
    }

    private static double[] InFileOrder(Parameter parameter, double[] values)
    {
        int rank = parameter.Shape.Rank;
        return parameter.Kind == ParameterKind.Weight
            ? new GoldenTensor(parameter.Shape.ToArray(), values).Permute([rank - 1, rank - 2, .. Enumerable.Range(0, rank - 2)]).Data
            : values;
    }

    private static void StoreParameters(GoldenRun run, Network network, Dictionary<string, string> names)
    {
        foreach (Parameter parameter in network.Parameters)
            run.Outputs[NameInFile(parameter, names)] = InFileOrder(parameter, GoldenRun.Values(parameter.Value));
    }

    private static void StoreGradients(GoldenRun run, Network network, Dictionary<string, string> names)
    {
        foreach (Parameter parameter in network.Parameters)
            if (parameter.IsTrainable)
                run.Gradients[NameInFile(parameter, names)] = InFileOrder(parameter, GoldenRun.GradientOf(parameter.Value));
    }
}
