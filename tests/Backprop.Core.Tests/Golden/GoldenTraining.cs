using System.Text.Json;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Runs the golden cases of optimizers and of whole training runs.</summary>
internal static class GoldenTraining
{
    /// <summary>Steps with given gradients. Parameters are "param" alone, or "w" and "b" in groups with settings of their own.</summary>
    public static GoldenRun Optimizer(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        bool isAlone = c.Inputs.ContainsKey("param");
        string[] names = isAlone ? ["param"] : [.. c.Inputs.Keys.Where(key => !key.StartsWith("grad_"))];
        Parameter[] parameters = [.. names.Select(name => NewParameter(name, c.Inputs[name], device))];
        OptimizerState optimizer = Create(c.Op, c.Attributes, Groups(c)).For(new ParameterCollection(parameters));
        for (int step = 1; step <= (int)c.Number("steps"); step++)
        {
            for (int i = 0; i < names.Length; i++)
                parameters[i].SetGradient(c.Inputs[isAlone ? $"grad_{step}" : $"grad_{names[i]}_{step}"].Floats);
            optimizer.Step();
            for (int i = 0; i < names.Length; i++)
                run.Outputs[$"{names[i]}_{step}"] = GoldenRun.Values(parameters[i].Value);
        }

        foreach ((string name, Shape shape, MemoryBlock block) in optimizer.StateTensors())
        {
            string[] parts = name.Split('/');
            run.Outputs[isAlone ? $"state.{parts[1]}" : $"state.{parts[1]}.{parts[0]}"] = GoldenRun.Values(device, block, shape.Length);
        }

        return run;
    }

    /// <summary>Trains a network of dense layers and compares every loss, the final parameters and the final output.</summary>
    public static GoldenRun Mlp(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Network network = MlpOf(c, device, out int[] widths);
        Dictionary<string, JsonElement> settings = c.Attributes["optimizer"].EnumerateObject().ToDictionary(property => property.Name, property => property.Value);
        OptimizerState optimizer = Create(settings["name"].GetString()!, settings).For(network.Parameters);
        double[] losses = [.. c.Attributes["batch_rows"].EnumerateArray().Select(batch => Step(c, network, optimizer, batch[0].GetInt32(), batch[1].GetInt32()))];

        run.Outputs["losses"] = losses;
        using Tape tape = Tape.ForInference(device);
        run.Outputs["final_output"] = GoldenRun.Values(network.Forward(GoldenRun.Input(tape, c, "x")));
        for (int i = 1; i < widths.Length; i++)
        {
            Parameter weight = network.Parameters[$"dense_{i}.weight"];
            run.Outputs[$"fc{i}.weight"] = new GoldenTensor(weight.Shape.ToArray(), GoldenRun.Values(weight.Value)).Transpose().Data;
            run.Outputs[$"fc{i}.bias"] = GoldenRun.Values(network.Parameters[$"dense_{i}.bias"].Value);
        }

        return run;
    }

    /// <summary>One forward and backward pass of a network of dense layers that is cut into segments.</summary>
    public static GoldenRun MlpStep(GoldenCase c, Device device, int[] segmentStarts)
    {
        var run = new GoldenRun();
        Network network = MlpOf(c, device, out int[] widths);
        using var tape = new Tape(device);
        Tensor x = GoldenRun.Input(tape, c, "x"), output = network.Forward(x, training: true, segmentStarts);
        Tensor loss = LossOf(c, tape, output, 0, c.Inputs["x"].Shape[0]);
        (run.Outputs["y"], run.Outputs["loss"]) = (GoldenRun.Values(output), GoldenRun.Values(loss));
        tape.Backward(loss);
        run.Gradients["x"] = GoldenRun.GradientOf(x);
        for (int i = 1; i < widths.Length; i++)
        {
            Parameter weight = network.Parameters[$"dense_{i}.weight"];
            run.Gradients[$"fc{i}.weight"] = new GoldenTensor(weight.Shape.ToArray(), GoldenRun.GradientOf(weight.Value)).Transpose().Data;
            run.Gradients[$"fc{i}.bias"] = GoldenRun.GradientOf(network.Parameters[$"dense_{i}.bias"].Value);
        }

        return run;
    }

    /// <summary>Backward of one mini-batch after the other, without zeroing: gradients add up to those of all rows in one.</summary>
    public static GoldenRun Accumulation(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Network network = MlpOf(c, device, out int[] widths);
        int targetsPerRow = c.Inputs["target"].Data.Length / c.Inputs["x"].Shape[0], first = 0, number = 0;
        double whole = 0, divisor = 0;
        Loss loss = c.Text("loss") switch
        {
            "cross_entropy" => Loss.CrossEntropy,
            "mse" => Loss.MeanSquaredError,
            "bce_with_logits" => Loss.BinaryCrossEntropy,
            string other => throw new NotSupportedException($"{c.Name}: loss '{other}'."),
        };
        foreach (JsonElement size in c.Attributes["micro_batches"].EnumerateArray())
        {
            int count = size.GetInt32();
            using var tape = new Tape(device);
            Tensor output = network.Forward(Rows(tape, c.Inputs["x"], first, count), training: true);
            ReadOnlySpan<float> targets = c.Inputs["target"].Floats.AsSpan(first * targetsPerRow, count * targetsPerRow);
            Tensor sum = loss.Sum(output, targets, []); // as the training loop does: sums add up, and one divisor makes them the mean
            tape.Backward(sum);
            run.Outputs[$"micro_loss_{++number}"] = [GoldenRun.Values(sum)[0] / loss.Divisor(count, targets, [])];
            whole += GoldenRun.Values(sum)[0];
            divisor += loss.Divisor(count, targets, []);
            first += count;
        }

        run.Outputs["loss"] = [whole / divisor];
        for (int i = 1; i < widths.Length; i++)
        {
            Parameter weight = network.Parameters[$"dense_{i}.weight"];
            run.Gradients[$"fc{i}.weight"] = new GoldenTensor(weight.Shape.ToArray(), Mean(weight)).Transpose().Data;
            run.Gradients[$"fc{i}.bias"] = Mean(network.Parameters[$"dense_{i}.bias"]);
        }

        return run;

        double[] Mean(Parameter parameter) => [.. GoldenRun.Values(device, parameter.Storage.Gradient!, parameter.Shape.Length).Select(gradient => gradient / divisor)];
    }

    private static Network MlpOf(GoldenCase c, Device device, out int[] widths)
    {
        int[] layers = widths = [.. c.Attributes["layers"].EnumerateArray().Select(width => width.GetInt32())];
        ActivationKind activation = Enum.Parse<ActivationKind>(c.Text("activation"), ignoreCase: true);
        Network network = Network.Build(
            net =>
            {
                for (int i = 1; i < layers.Length; i++)
                    net = i < layers.Length - 1 ? net.Dense(layers[i]).Activation(activation, activation == ActivationKind.LeakyRelu ? 0.01f : 1f) : net.Dense(layers[i]);
                return net;
            },
            [layers[0]], device: device);
        for (int i = 1; i < layers.Length; i++)
        {
            network.Parameters[$"dense_{i}.weight"].Value.SetValues(c.Inputs[$"fc{i}.weight"].Transpose().Floats);
            network.Parameters[$"dense_{i}.bias"].Value.SetValues(c.Inputs[$"fc{i}.bias"].Floats);
        }

        return network;
    }

    private static Tensor LossOf(GoldenCase c, Tape tape, Tensor output, int first, int count) => c.Text("loss") switch
    {
        "cross_entropy" => Losses.CrossEntropy(output, c.Inputs["target"].Integers.AsSpan(first, count)),
        "mse" => Losses.MeanSquaredError(output, Rows(tape, c.Inputs["target"], first, count)),
        "mae" => Losses.MeanAbsoluteError(output, Rows(tape, c.Inputs["target"], first, count)),
        "bce_with_logits" => Losses.BinaryCrossEntropyWithLogits(output, Rows(tape, c.Inputs["target"], first, count)),
        string other => throw new NotSupportedException($"{c.Name}: loss '{other}'."),
    };

    private static double Step(GoldenCase c, Network network, OptimizerState optimizer, int first, int count)
    {
        using var tape = new Tape(network.Device);
        Tensor output = network.Forward(Rows(tape, c.Inputs["x"], first, count), training: true);
        Tensor loss = LossOf(c, tape, output, first, count);
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
        optimizer.Step();
        return GoldenRun.Values(loss)[0];
    }

    private static Tensor Rows(Tape tape, GoldenTensor tensor, int first, int count)
    {
        int width = tensor.Data.Length / tensor.Shape[0];
        return tape.Input(tensor.Floats.AsSpan(first * width, count * width), [count, .. tensor.Shape[1..]]);
    }

    /// <summary>The optimizer that a training case describes.</summary>
    public static Optimizer OptimizerOf(JsonElement settings) =>
        Create(settings.GetProperty("name").GetString()!, settings.EnumerateObject().ToDictionary(property => property.Name, property => property.Value));

    /// <summary>The files' weight decay is for every parameter, ours for weights alone unless told otherwise.</summary>
    private static Optimizer Create(string name, Dictionary<string, JsonElement> settings, IReadOnlyList<ParameterGroup>? groups = null)
    {
        groups ??= [];
        double Number(string key, double absent) => settings.TryGetValue(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : absent;
        bool Flag(string key) => settings.TryGetValue(key, out JsonElement value) && value.ValueKind == JsonValueKind.True;
        double Beta(int index, double absent) => settings.TryGetValue("betas", out JsonElement value) ? value[index].GetDouble() : absent;
        float rate = (float)Number("lr", double.NaN), decay = (float)Number("weight_decay", name == "adamw" ? 0.01 : 0), epsilon = (float)Number("eps", 1e-8);
        return name switch
        {
            "sgd" => new Sgd
            {
                LearningRate = rate,
                Momentum = (float)Number("momentum", 0),
                Dampening = (float)Number("dampening", 0),
                Nesterov = Flag("nesterov"),
                WeightDecay = decay,
                DecayBiases = true,
                ParameterGroups = groups,
            },
            "adam" => new Adam
            {
                LearningRate = rate,
                Beta1 = Beta(0, 0.9),
                Beta2 = Beta(1, 0.999),
                Epsilon = epsilon,
                WeightDecay = decay,
                DecayBiases = true,
                ParameterGroups = groups,
                AmsGrad = Flag("amsgrad"),
            },
            "adamw" => new AdamW
            {
                LearningRate = rate,
                Beta1 = Beta(0, 0.9),
                Beta2 = Beta(1, 0.999),
                Epsilon = epsilon,
                WeightDecay = decay,
                DecayBiases = true,
                ParameterGroups = groups,
                AmsGrad = Flag("amsgrad"),
            },
            "rmsprop" => new RmsProp
            {
                LearningRate = rate,
                Decay = Number("alpha", 0.99),
                Epsilon = epsilon,
                Momentum = (float)Number("momentum", 0),
                Centered = Flag("centered"),
                WeightDecay = decay,
                DecayBiases = true,
                ParameterGroups = groups,
            },
            "adagrad" => new Adagrad
            {
                LearningRate = rate,
                LearningRateDecay = (float)Number("lr_decay", 0),
                InitialAccumulator = (float)Number("initial_accumulator_value", 0),
                Epsilon = epsilon,
                WeightDecay = decay,
            },
            "adadelta" => new Adadelta { LearningRate = rate, Decay = Number("rho", 0.9), Epsilon = epsilon, WeightDecay = decay },
            "nadam" => new NAdam
            {
                LearningRate = rate,
                Beta1 = Beta(0, 0.9),
                Beta2 = Beta(1, 0.999),
                Epsilon = epsilon,
                MomentumDecay = Number("momentum_decay", 0.004),
                WeightDecay = decay,
            },
            "radam" => new RAdam { LearningRate = rate, Beta1 = Beta(0, 0.9), Beta2 = Beta(1, 0.999), Epsilon = epsilon, WeightDecay = decay },
            _ => throw new NotSupportedException($"Optimizer '{name}'."),
        };
    }

    private static ParameterGroup[] Groups(GoldenCase c)
    {
        if (c.Find("groups") is not { } groups)
            return [];
        return
        [
            .. groups.EnumerateObject().Select(group => new ParameterGroup(group.Name)
            {
                LearningRateFactor = group.Value.TryGetProperty("lr", out JsonElement rate) ? (float)(rate.GetDouble() / c.Number("lr")) : 1f,
                WeightDecay = group.Value.TryGetProperty("weight_decay", out JsonElement decay) ? (float)decay.GetDouble() : null,
            }),
        ];
    }

    public static Parameter NewParameter(string name, GoldenTensor values, Device device)
    {
        var parameter = new Parameter(name, name == "b" ? ParameterKind.Bias : ParameterKind.Weight, values.Shape, device);
        parameter.Value.SetValues(values.Floats);
        return parameter;
    }
}
