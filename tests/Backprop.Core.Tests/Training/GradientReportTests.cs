using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>What a gradient report measures, what it finds, and that what it advises helps.</summary>
public class GradientReportTests
{
    private const int Rows = 64, Columns = 8, Depth = 20;
    private static readonly float[] Features = Samples.Uniform(Rows * Columns, 1);

    /// <summary>Two classes, by the sign of a sum.</summary>
    private static readonly float[] Labels = [.. Enumerable.Range(0, Rows).Select(row => Features[row * Columns] + Features[row * Columns + 1] > 0 ? 1f : 0f)];

    private static Network Deep(Func<NetworkBuilder, NetworkBuilder> layer) => Network.Build(
        net =>
        {
            for (int i = 0; i < Depth; i++)
                net = layer(net);
            return net.Dense(2);
        }, [Columns], seed: 5);

    private static GradientReport Examine(Network network, Optimizer? optimizer = null) => GradientReport.Examine(network, Loss.CrossEntropy, Features, Labels, default, optimizer);

    private static TrainingHistory Train(Network network, TrainingOptions options) =>
        new TrainingLoop(network, Loss.CrossEntropy, options).Run(new MemoryBatchSource(Features, [Columns], Labels));

    private static void AssertLearns(Network network, TrainingOptions options)
    {
        TrainingHistory history = Train(network, options);
        Assert.True(history.Epochs[^1].TrainingLoss < 0.6f * history.Epochs[0].TrainingLoss, $"The loss went from {history.Epochs[0].TrainingLoss} to {history.Epochs[^1].TrainingLoss}.");
    }

    private static GradientFinding Only(GradientReport report, FindingKind kind) => Assert.Single(report.Findings, finding => finding.Kind == kind);

    [Fact]
    public void TheFiguresAreThoseOfTheirDefinitions()
    {
        Network network = Network.Build(net => net.Dense(6).Relu().Dense(5).Tanh().Dense(2), [Columns], seed: 3, device: ReferenceDevice.Instance);
        GradientReport report = Examine(network, new Sgd { LearningRate = 0.25f });
        using var tape = new Tape(network.Device);
        Parameter[] p = [.. network.Parameters];
        Tensor hidden = tape.Input(Features, [Rows, Columns]).Linear(p[0].Value, p[1].Value).Relu();
        float[] hiddenValues = hidden.ToArray();
        Tensor output = hidden.Linear(p[2].Value, p[3].Value).Tanh().Linear(p[4].Value, p[5].Value);
        Tensor loss = Losses.CrossEntropy(output, [.. Labels.Select(label => (int)label)]);
        double[] gradient = [.. LogitGradients(output.ToArray())];
        float lossValue = loss.ToScalar();
        tape.Backward(loss);

        Assert.Equal(lossValue, report.Loss, 1e-6);
        Assert.Equal(["dense_1", "dense_2", "dense_3"], report.Layers.Select(layer => layer.Layer));
        Assert.Equal(Rms(hiddenValues.Select(v => (double)v)), report.Layers[0].ActivationRms, 1e-6);
        Assert.Equal(Rms(gradient), report.Layers[2].ActivationGradientRms!.Value, 1e-6);
        Assert.Equal(Norm(gradient), report.Layers[2].ActivationGradientNorm!.Value, 1e-6);
        for (int layer = 0; layer < 3; layer++)
        {
            double weights = Norm(Doubles(p[2 * layer].Value.ToArray())), both = Norm(Doubles([.. p[2 * layer].Value.ToArray(), .. p[2 * layer + 1].Value.ToArray()]));
            double gradients = Norm(Doubles([.. p[2 * layer].GradientToArray(), .. p[2 * layer + 1].GradientToArray()]));
            Assert.Equal(both, report.Layers[layer].WeightNorm!.Value, 1e-6);
            Assert.Equal(gradients, report.Layers[layer].GradientNorm!.Value, 1e-6);
            Assert.Equal(gradients / both, report.Layers[layer].GradientToWeight!.Value, 1e-6);
            Assert.Equal(0.25 * Norm(Doubles(p[2 * layer].GradientToArray())) / weights, report.Layers[layer].UpdateToWeight!.Value, 1e-6);
        }

        Assert.Equal((double)Enumerable.Range(0, 6).Count(unit => Enumerable.Range(0, Rows).All(row => hiddenValues[row * 6 + unit] <= 0)) / 6, report.Layers[0].DeadUnits);
        Assert.Null(report.Layers[0].SaturatedUnits);
        Assert.Equal(0, report.Layers[1].SaturatedUnits);
        Assert.Null(report.Layers[1].DeadUnits);
        Assert.Empty(report.Findings);
    }

    /// <summary>The gradient of the mean cross entropy with respect to the logits: softmax minus one-hot, over the rows.</summary>
    private static IEnumerable<double> LogitGradients(float[] logits) => Enumerable.Range(0, logits.Length).Select(i =>
    {
        int row = i / 2;
        double p = Math.Exp(logits[i]) / (Math.Exp(logits[2 * row]) + Math.Exp(logits[2 * row + 1]));
        return (p - (i % 2 == (int)Labels[row] ? 1 : 0)) / Rows;
    });

    private static double[] Doubles(float[] values) => [.. values.Select(value => (double)value)];

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));

    private static double Rms(IEnumerable<double> values) => Math.Sqrt(values.Average(value => value * value));

    [Fact]
    public void ALossOfOnesOwnGivesTheSameReport()
    {
        Network network = Deep(net => net.Dense(6).Relu());
        int[] labels = [.. Labels.Select(label => (int)label)];
        Assert.Equal(Examine(network, new Adam()).ToString(), GradientReport.Examine(network, Features, (_, output) => Losses.CrossEntropy(output, labels), new Adam()).ToString());
    }

    [Fact]
    public void ExaminingChangesNothing()
    {
        Network Make() => Network.Build(net => net.Dense(16).BatchNorm().Relu().Dropout(0.3f).Residual(block => block.Dense(16).BatchNorm()).Relu().Dense(2), [Columns], seed: 4);
        Network network = Make(), other = Make();
        var frozen = new ParameterGroup("dense_1*") { IsFrozen = true };
        network.Parameters[3].SetGradient(Samples.Uniform(network.Parameters[3].Shape.Length, 7));
        float[] gradient = network.Parameters[3].GradientToArray();
        GradientReport report = Examine(network, new Adam { ParameterGroups = [frozen], L1Penalty = 0.1f });
        Assert.Null(report.Layers[0].UpdateToWeight);
        Assert.Equal(gradient, network.Parameters[3].GradientToArray());
        Assert.All(network.Parameters, parameter => Assert.False(parameter.IsFrozen));
        Assert.Equal(0, network.TrainingStep);
        Assert.Equal(Values(other), Values(network));

        // Also in a run: with reports it gives the bits of one without.
        Train(other, new TrainingOptions { NumberOfEpochs = 3, BatchSize = 20 });
        TrainingHistory history = Train(network, new TrainingOptions { NumberOfEpochs = 3, BatchSize = 20, GradientReportInterval = 1 });
        Assert.Equal(Values(other), Values(network));
        Assert.All(history.Epochs, epoch => Assert.NotNull(epoch.GradientReport));
    }

    private static float[] Values(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    public static TheoryData<string> Cures => ["relu", "batch norm", "residual"];

    [Fact]
    public void SigmoidsWithSmallWeightsVanish()
    {
        Network network = Deep(net => net.Dense(16, initializer: Initializer.XavierUniform with { Gain = 0.5f }).Sigmoid());
        GradientFinding finding = Only(Examine(network), FindingKind.Vanishing);
        Assert.Equal("dense_1", finding.Layer);
        Assert.Equal("dense_1", finding.Layers[0]);
        Assert.InRange(finding.Layers.Count, Depth - 6, Depth - 1); // not the last ones: a few layers do not yet make it vanish
        Assert.Equal(Enumerable.Range(1, finding.Layers.Count).Select(i => $"dense_{i}"), finding.Layers);
        foreach (string cure in new[] { "ReLU", "He's", "BatchNorm", "Residual" })
            Assert.Contains(cure, finding.Advice);
    }

    [Theory]
    [MemberData(nameof(Cures))]
    public void WhatIsAdvisedAgainstVanishingHelps(string cure)
    {
        Initializer small = Initializer.XavierUniform with { Gain = 0.5f };
        Network network = Deep(net => cure switch
        {
            "relu" => net.Dense(16).Relu(),
            "batch norm" => net.Dense(16, initializer: small).BatchNorm().Sigmoid(),
            _ => net.Residual(block => block.Dense(Columns, initializer: small).Sigmoid()),
        });
        Assert.DoesNotContain(Examine(network).Findings, finding => finding.Kind == FindingKind.Vanishing);
        AssertLearns(network, new TrainingOptions { NumberOfEpochs = 150, Optimizer = new Adam { LearningRate = 3e-3f } });
    }

    [Fact]
    public void LargeWeightsExplode()
    {
        Network network = Deep(net => net.Dense(16, initializer: Initializer.HeNormal with { Gain = 5f }).Relu());
        GradientFinding finding = Only(Examine(network), FindingKind.Exploding);
        Assert.Equal("dense_1", finding.Layer);
        Assert.Equal(Enumerable.Range(1, finding.Layers.Count).Select(i => $"dense_{i}"), finding.Layers);
        Assert.InRange(finding.Layers.Count, Depth - 9, Depth - 2);
        foreach (string cure in new[] { "initialisation", "BatchNorm", "GradientClipping.ByNorm" })
            Assert.Contains(cure, finding.Advice);
    }

    [Theory]
    [InlineData("initialisation")]
    [InlineData("batch norm")]
    [InlineData("layer norm")]
    public void WhatIsAdvisedAgainstExplodingHelps(string cure)
    {
        Initializer large = Initializer.HeNormal with { Gain = 5f };
        Network network = Deep(net => cure switch
        {
            "initialisation" => net.Dense(16).Relu(),
            "batch norm" => net.Dense(16, initializer: large).BatchNorm().Relu(),
            _ => net.Dense(16, initializer: large).LayerNorm().Relu(),
        });
        Assert.DoesNotContain(Examine(network).Findings, finding => finding.Kind == FindingKind.Exploding);
        AssertLearns(network, new TrainingOptions { NumberOfEpochs = 250, BatchSize = Rows, Optimizer = new Adam { LearningRate = 3e-3f } });
    }

    [Fact]
    public void UnitsWithALargeNegativeBiasAreDead()
    {
        Network network = Network.Build(net => net.Dense(16).Relu().Dense(16).Relu().Dense(2), [Columns], seed: 5);
        network.Parameters["dense_2.bias"].Value.SetValues([.. Enumerable.Repeat(-100f, 12), .. new float[4]]);
        GradientFinding finding = Only(Examine(network), FindingKind.Dead);
        Assert.Equal("dense_2", finding.Layer);
        Assert.InRange(Examine(network).Layers[1].DeadUnits!.Value, 0.75, 0.99);
        network.Parameters["dense_2.bias"].Value.SetValues([.. Enumerable.Repeat(-100f, 16)]);
        GradientReport report = Examine(network);
        Assert.Contains("100 %", Only(report, FindingKind.Dead).Message);
        Assert.Equal(0, report.Layers[0].GradientNorm);
        Assert.DoesNotContain(report.Findings, other => other.Kind == FindingKind.Vanishing); // the one cause is enough
        Assert.Contains("LeakyRelu", finding.Advice);
    }

    [Fact]
    public void LeakyUnitsRecoverWhereReluStaysDead()
    {
        Network Make(bool leaky)
        {
            Network network = Network.Build(net => (leaky ? net.Dense(16).LeakyRelu(0.1f) : net.Dense(16).Relu()).Dense(2), [Columns], seed: 5);
            network.Parameters["dense_1.bias"].Value.SetValues([.. Enumerable.Repeat(-5f, 16)]);
            return network;
        }

        Assert.Equal("dense_1", Only(Examine(Make(leaky: false)), FindingKind.Dead).Layer);
        Assert.Empty(Examine(Make(leaky: true)).Findings);
        var options = new TrainingOptions { NumberOfEpochs = 100, Optimizer = new Adam { LearningRate = 0.01f } };
        AssertLearns(Make(leaky: true), options);
        Assert.True(Train(Make(leaky: false), options).Epochs[^1].TrainingLoss > 2 * Train(Make(leaky: true), options).Epochs[^1].TrainingLoss);
    }

    [Theory]
    [InlineData(ActivationKind.Tanh)]
    [InlineData(ActivationKind.Sigmoid)]
    public void UnitsAtTheirLimitsAreSaturated(ActivationKind kind)
    {
        Network Make(float gain) => Network.Build(net => net.Dense(16, initializer: Initializer.XavierUniform with { Gain = gain }).Activation(kind).Dense(2), [Columns], seed: 5);
        GradientFinding finding = Only(Examine(Make(300f)), FindingKind.Saturated);
        Assert.Equal("dense_1", finding.Layer);
        Assert.Contains("Xavier", finding.Advice);
        Assert.Empty(Examine(Make(1f)).Findings);
    }

    [Theory]
    [InlineData("sgd", 30f, FindingKind.LearningRateTooHigh)]
    [InlineData("sgd", 1e-6f, FindingKind.LearningRateTooLow)]
    [InlineData("adam", 1f, FindingKind.LearningRateTooHigh)]
    [InlineData("adam", 1e-7f, FindingKind.LearningRateTooLow)]
    public void ALearningRateOutOfPlaceIsFoundAndTheSuggestedOneWorks(string optimizer, float rate, FindingKind kind)
    {
        Network Make() => Network.Build(net => net.Dense(16).Relu().Dense(16).Relu().Dense(2), [Columns], seed: 5);
        Optimizer With(float learningRate) => optimizer == "sgd" ? new Sgd { LearningRate = learningRate } : new Adam { LearningRate = learningRate };
        GradientFinding finding = Only(Examine(Make(), With(rate)), kind);
        Assert.StartsWith("dense_", finding.Layer);
        float suggested = finding.SuggestedLearningRate!.Value;
        Assert.Empty(Examine(Make(), With(suggested)).Findings);
        TrainingHistory Run(float learningRate) => Train(Make(), new TrainingOptions { NumberOfEpochs = 400, Optimizer = With(learningRate) });
        TrainingHistory better = Run(suggested), bad = Run(rate);
        Assert.True(better.Epochs[^1].TrainingLoss < 0.6f * better.Epochs[0].TrainingLoss, $"{suggested}: {better.Epochs[0].TrainingLoss} to {better.Epochs[^1].TrainingLoss}");
        Assert.True(better.Epochs[^1].TrainingLoss < bad.Epochs[^1].TrainingLoss);
    }

    [Fact]
    public void HealthyNetworksHaveNoFindings()
    {
        Assert.Empty(Examine(Network.Build(net => net.Dense(64).Relu().Dense(32).Relu().Dense(2), [Columns]), new AdamW { LearningRate = 2e-3f }).Findings);
        Assert.Empty(Examine(Deep(net => net.Dense(32).Relu()), new Adam()).Findings);
        Assert.Empty(Examine(Network.Build(net => net.Image(2, 2, 2).Conv2d(8, 3, padding: 1).BatchNorm().Relu()
            .Residual(block => block.Conv2d(8, 3, padding: 1).BatchNorm().Relu().Conv2d(8, 3, padding: 1).BatchNorm()).Relu().GlobalAveragePool2d().Dense(2), [Columns]), new Adam()).Findings);
    }

    [Fact]
    public void ARunMakesReportsEveryFewEpochs()
    {
        var reported = new List<int>();
        var options = new TrainingOptions
        {
            NumberOfEpochs = 5,
            GradientReportInterval = 2,
            Optimizer = new Sgd { LearningRate = 0.1f },
            Progress = new Reporter(p =>
            {
                if (p.GradientReport is not null)
                    reported.Add(p.Epoch);
            }),
        };
        Network network = Network.Build(net => net.Dense(16).Relu().Dense(2), [Columns], seed: 5);
        TrainingHistory history = Train(network, options);
        Assert.Equal([2, 4], reported);
        Assert.Equal([false, true, false, true, false], history.Epochs.Select(epoch => epoch.GradientReport is not null));
        GradientReport report = history.Epochs[1].GradientReport!;
        Assert.Equal(0.1f, report.LearningRate);
        Assert.Equal(32, report.Rows);
        Assert.All(report.Layers, layer => Assert.InRange(layer.UpdateToWeight!.Value, 1e-4, 0.1));
        Assert.DoesNotContain(network.Parameters, parameter => parameter.HasGradient);
    }

    [Fact]
    public void AScheduleThatComesDownIsNoFinding()
    {
        var options = new TrainingOptions { NumberOfEpochs = 40, GradientReportInterval = 1, Optimizer = new Sgd { LearningRate = 0.01f }, Schedule = new WarmupCosineSchedule() };
        TrainingHistory history = Train(Network.Build(net => net.Dense(16).Relu().Dense(2), [Columns], seed: 5), options);
        Assert.True(history.Epochs[^1].GradientReport!.Layers.Max(layer => layer.UpdateToWeight) < 1e-5);
        Assert.All(history.Epochs, epoch => Assert.Empty(epoch.GradientReport!.Findings));
    }

    [Fact]
    public void TheTableNamesEachLayerAndTheFindings()
    {
        Network network = Deep(net => net.Dense(16, initializer: Initializer.XavierUniform with { Gain = 0.5f }).Sigmoid());
        string text = Examine(network, new Adam()).ToString();
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2 + Depth + 1 + 1, lines.Length);
        Assert.StartsWith("Gradient report: 64 rows, loss ", lines[0]);
        Assert.StartsWith("layer ", lines[1]);
        Assert.StartsWith("dense_1 ", lines[2]);
        Assert.Contains("Dense + Sigmoid", lines[2]);
        Assert.StartsWith("- The gradient vanishes", lines[^1]);
        Assert.All(lines[1..^1], line => Assert.Equal(lines[1].Length, line.Length));
    }

    [Fact]
    public void ValuesThatAreNotFiniteAreTheOneFinding()
    {
        Network network = Network.Build(net => net.Dense(16).Relu().Dense(16).Relu().Dense(2), [Columns], seed: 5);
        network.Parameters["dense_2.bias"].Value.SetValues([float.NaN, .. new float[15]]);
        GradientFinding finding = Assert.Single(Examine(network, new Adam()).Findings);
        Assert.Equal((FindingKind.NotFinite, "dense_2"), (finding.Kind, finding.Layer));
    }

    [Fact]
    public void DataThatDoNotFitAreRefused()
    {
        Network network = Network.Build(net => net.Dense(2), [Columns]);
        Assert.Contains("8 values", Assert.Throws<ShapeException>(() => GradientReport.Examine(network, Loss.CrossEntropy, new float[9], new float[1])).Message);
        Assert.Throws<ShapeException>(() => GradientReport.Examine(network, Loss.CrossEntropy, [], []));
        Assert.Throws<ShapeException>(() => GradientReport.Examine(network, Loss.CrossEntropy, new float[16], new float[1]));
        Assert.Throws<ShapeException>(() => GradientReport.Examine(network, Loss.CrossEntropy, new float[16], new float[2], new float[1]));
        Assert.Equal("GradientReportInterval", Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingOptions { GradientReportInterval = -1 }).ParamName);
    }

    private sealed class Reporter(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
