namespace Backprop.Tests;

/// <summary>Tables whose rows stand for tokens, and for the categories in rows of numbers.</summary>
public class EmbeddingTests
{
    private static readonly EmbeddedColumn[] Columns = [new(1, 4, 3), new(3, 1000, 8)];

    private static Network OfColumns(int seed = 1) => Network.Build(net => net.EmbedColumns(Columns).Dense(6).Tanh().Dense(2), [5], seed);

    [Fact]
    public void ATokenBecomesItsRow()
    {
        Network network = Network.Build(net => net.Embedding(7, 3), [4], seed: 5);
        Assert.Equal([4, 3], network.OutputShape);
        float[] table = network.Parameters["embedding_1.weight"].Value.ToArray(), y = new float[24];
        network.Predict([6, 0, 6, 3, 1, 2, 4, 5], y);
        Assert.Equal(new[] { 6, 0, 6, 3, 1, 2, 4, 5 }.SelectMany(token => table[(3 * token)..(3 * token + 3)]), y);
    }

    [Theory]
    [InlineData(7f)]
    [InlineData(-1f)]
    [InlineData(2.5f)]
    [InlineData(float.PositiveInfinity)]
    public void AWrongTokenIsAnErrorThatNamesIt(float token)
    {
        Network network = Network.Build(net => net.Embedding(7, 3, name: "words"), [2]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => network.Predict([1, token], new float[6]));
        Assert.Contains("'words'", error.Message, StringComparison.Ordinal);
        Assert.Contains("value 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("0 to 6", error.Message, StringComparison.Ordinal);
        Assert.Equal(token, error.ActualValue);
    }

    [Fact]
    public void WhatIsMissingStaysMissing()
    {
        var y = new float[6];
        Network.Build(net => net.Embedding(7, 3), [2]).Predict([1, float.NaN], y);
        Assert.Equal([true, true, true, false, false, false], y.Select(float.IsFinite));
        var z = new float[14];
        Network.Build(net => net.EmbedColumns(Columns), [5]).Predict([1, float.NaN, 2, 3, 4], z);
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 14).Where(i => float.IsNaN(z[i])));
    }

    [Fact]
    public void CategoriesBecomeRowsAndNumbersStayWhereTheyWere()
    {
        Network network = Network.Build(net => net.EmbedColumns(Columns), [5], seed: 3);
        Assert.Equal([3 + 3 + 8], network.OutputShape);
        float[] tables = network.Parameters["embed_columns_1.weight"].Value.ToArray();
        Assert.Equal(5 * 3 + 1001 * 8, tables.Length);
        var y = new float[14];
        network.Predict([0.5f, 2, -1, 1000, 9], y);
        Assert.Equal([0.5f, .. tables[6..9], -1, .. tables[(15 + 8000)..(15 + 8008)], 9], y);
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(-3, 0)]
    [InlineData(4, 4)]
    public void ACategoryThatIsNotKnownCountsAsMissing(float category, float counted)
    {
        float[] found = new float[14], expected = new float[14];
        Network network = Network.Build(net => net.EmbedColumns(Columns), [5], seed: 3);
        network.Predict([0, category, 0, 1, 0], found);
        network.Predict([0, counted, 0, 1, 0], expected);
        Assert.Equal(expected, found);
    }

    [Fact]
    public void ACategoryBeginsWithTheWeightOfANumberAndWhatIsMissingWithNone()
    {
        float[] tables = Network.Build(net => net.EmbedColumns(Columns), [5], seed: 3).Parameters[0].Value.ToArray();
        Assert.All(tables[..3].Concat(tables[15..23]), value => Assert.Equal(0f, value));
        Assert.Equal(1.0 / 8, tables[23..].Average(value => (double)value * value), 0.005); // the variances of a row's values add up to 1
        float[] tokens = Network.Build(net => net.Embedding(3000, 4, paddingIndex: 1), [5], seed: 3).Parameters[0].Value.ToArray();
        Assert.Equal(1.0, tokens.Average(value => (double)value * value), 0.05);
        Assert.All(tokens[4..8], value => Assert.Equal(0f, value));
        float[] small = Network.Build(net => net.Embedding(3000, 4, initializer: Initializer.Normal(0.02f)), [5], seed: 3).Parameters[0].Value.ToArray();
        Assert.Equal(0.0004, small.Average(value => (double)value * value), 0.00002);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    [InlineData(10, 6)]
    [InlineData(16, 8)]
    [InlineData(42, 13)]
    [InlineData(1000, 50)]
    public void TheRuleGivesTheDimension(int categories, int dimension) => Assert.Equal(dimension, EmbeddedColumn.DimensionFor(categories));

    [Fact]
    public void TheLayersMustComeFirst()
    {
        Assert.Contains("first", Assert.Throws<ShapeException>(() => Network.Build(net => net.Dense(4).Embedding(7, 3), [2])).Message, StringComparison.Ordinal);
        Assert.Contains("first", Assert.Throws<ShapeException>(() => Network.Build(net => net.Dropout(0.5f).EmbedColumns(Columns), [5])).Message, StringComparison.Ordinal);
        Assert.Contains("first", Assert.Throws<ShapeException>(() => Network.Build(net => net.Flatten().EmbedColumns(Columns), [5])).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => Network.Build(net => net.Residual(block => block.EmbedColumns(Columns).Dense(5)), [5]));
    }

    [Fact]
    public void WrongDefinitionsAreErrorsThatNameTheLayer()
    {
        (Func<NetworkBuilder, NetworkBuilder> Layers, string Part)[] cases =
        [
            (net => net.Embedding(0, 3), "at least 1 row"), (net => net.Embedding(3, 0), "at least 1 row"), (net => net.Embedding(3, 2, paddingIndex: 3), "padding"),
            (net => net.Embedding(int.MaxValue, int.MaxValue), "at most"),
            (net => net.EmbedColumns([]), "no columns"), (net => net.EmbedColumns([new(5, 2, 2)]), "column 5"), (net => net.EmbedColumns([new(-1, 2, 2)]), "column -1"),
            (net => net.EmbedColumns([new(1, 2, 2), new(1, 3, 2)]), "twice"), (net => net.EmbedColumns([new(1, 0, 2)]), "at least 1"), (net => net.EmbedColumns([new(1, 2, 0)]), "at least 1"),
            (net => net.EmbedColumns([new(1, int.MaxValue, int.MaxValue)]), "at most"), (net => net.EmbedColumns([new(1, 30_000_000, 10), new(2, 30_000_000, 10)]), "at most"),
        ];
        foreach ((Func<NetworkBuilder, NetworkBuilder> layers, string part) in cases)
        {
            string message = Assert.Throws<ShapeException>(() => Network.Build(layers, [5])).Message;
            Assert.Contains("Layer 'embed", message, StringComparison.Ordinal);
            Assert.Contains(part, message, StringComparison.Ordinal);
        }

        Assert.Throws<ShapeException>(() => Network.Build(net => net.EmbedColumns(Columns), [2, 5]));
    }

    [Fact]
    public void ANetworkComesBackFromAFile()
    {
        foreach (Network network in (Network[])[OfColumns(), Network.Build(net => net.Embedding(9, 4, paddingIndex: 2).Flatten().Dense(3), [3], seed: 2)])
        {
            using var file = new MemoryStream();
            network.Save(file);
            file.Position = 0;
            Network loaded = NetworkFile.Load(file);
            Assert.Equal(network.Definition.ToJson(), loaded.Definition.ToJson());
            Assert.Equal(network.Summary(), loaded.Summary());
            foreach ((Parameter saved, Parameter read) in network.Parameters.Zip(loaded.Parameters))
                Assert.Equal(saved.Value.ToArray(), read.Value.ToArray());
            Assert.Equal(ParameterKind.Embedding, loaded.Parameters[0].Kind);
        }

        // The table stands in the file as the field has it, [rows, dimension].
        using var tokens = new MemoryStream();
        Network.Build(net => net.Embedding(9, 4), [3]).Save(tokens);
        Assert.Contains("\"shape\":[9,4]", System.Text.Encoding.Latin1.GetString(tokens.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void TheSummaryCountsTheTables()
    {
        string summary = OfColumns().Summary();
        Assert.Contains("2 embedded, 3 numbers", summary, StringComparison.Ordinal);
        Assert.Contains("8,023", summary, StringComparison.Ordinal);
        Assert.Contains("Embedding 1,000 × 16", Network.Build(net => net.Embedding(1000, 16), [3]).Summary(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1e6)] // too far from zero to be folded into the weights: a layer of its own, behind the embedding
    public void ScalingIsForTheNumbersAlone(double offset)
    {
        Network network = OfColumns();
        double[] mean = [offset + 3, 0, -2, 0, 1], scale = [0.5, 1, 4, 1, 0.1];
        float[] raw = Rows(6, 4), standardised = [.. raw];
        for (int i = 0; i < raw.Length; i++)
        {
            raw[i] += i % 5 == 0 ? (float)offset : 0;
            standardised[i] = (float)((raw[i] - mean[i % 5]) * scale[i % 5]);
        }

        float[] expected = new float[12], found = new float[12];
        network.Predict(standardised, expected);
        Network scaled = network.WithInputScaling(mean, scale);
        Assert.Equal(offset > 0, scaled != network);
        scaled.Predict(raw, found);
        Close(expected, found);
        if (scaled != network)
        {
            Assert.IsType<RescaleDefinition>(scaled.Definition.Layers[1]);
            return;
        }

        Assert.True(scaled.TakesInputScaling());
        scaled.TakeInputScalingOut(mean, scale);
        scaled.Predict(standardised, found);
        Close(expected, found);
    }

    [Fact]
    public void GradientCheckpointingGivesTheSameBits()
    {
        float[][] Gradients(CheckpointPolicy policy)
        {
            Network network = Network.Build(net => net.EmbedColumns(Columns).Dense(6).Tanh().Dense(6).Tanh().Dense(2), [5], seed: 1);
            using var tape = new Tape(Device.Cpu, policy);
            tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input(Rows(32, 1), [32, 5]), training: true), Samples.Labels(32, 2, 1)));
            return [.. network.Parameters.Select(parameter => parameter.GradientToArray())];
        }

        Assert.Equal(Gradients(CheckpointPolicy.None), Gradients(CheckpointPolicy.EveryLayers(1)));
    }

    [Theory]
    [InlineData(Precision.MixedBFloat16)]
    [InlineData(Precision.MixedFloat16)]
    public void MixedPrecisionDoesNotRoundCategories(Precision precision)
    {
        // 16 bits cannot tell these from their neighbours.
        float[] keys = [257, 259, 513, 999, 771];
        Network network = OfColumns();
        using var tape = new Tape(Device.Cpu, CheckpointPolicy.None, precision);
        tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input([.. keys.SelectMany(key => new[] { 0.5f, 1, 0.5f, key, 1 })], [5, 5]), training: true), [0, 1, 0, 1, 1]));
        float[] gradient = network.Parameters[0].GradientToArray();
        Assert.Equal(keys.Order(), Enumerable.Range(0, 1001).Where(row => gradient.AsSpan(15 + 8 * row, 8).ContainsAnyExcept(0f)).Select(row => (float)row));
    }

    [Fact]
    public void ThePaddingRowStaysZeroAndTheOthersDecay()
    {
        Network network = Network.Build(net => net.Embedding(5, 3, paddingIndex: 0).Flatten().Dense(1), [2], seed: 1);
        float[] before = network.Parameters[0].Value.ToArray();
        var optimizer = new Sgd { LearningRate = 0.1f, WeightDecay = 0.5f }.For(network.Parameters);
        for (int step = 0; step < 5; step++)
        {
            using var tape = new Tape();
            Tensor loss = Losses.MeanSquaredError(network.Forward(tape.Input([0, 1, 0, 0], [2, 2]), training: true), tape.Input([1f, -1f], [2, 1]));
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        }

        float[] after = network.Parameters[0].Value.ToArray();
        Assert.All(after[..3], value => Assert.Equal(0f, value));
        for (int i = 6; i < 15; i++)
            Assert.InRange(Math.Abs(after[i]), 0.5f * Math.Abs(before[i]), 0.9f * Math.Abs(before[i]));
    }

    [Fact]
    public void TrainingLearnsWhatEachCategoryIsWorth()
    {
        // The target is a value of the category, which has no order, plus a number.
        const int Rows = 600, Categories = 20;
        var random = new Random(1);
        double[] worth = [.. Enumerable.Range(0, Categories + 1).Select(_ => random.NextDouble() * 4 - 2)];
        float[] x = new float[2 * Rows], y = new float[Rows];
        for (int row = 0; row < Rows; row++)
        {
            (int category, double number) = (random.Next(Categories + 1), random.NextDouble() * 2 - 1);
            (x[2 * row], x[2 * row + 1], y[row]) = (category, (float)number, (float)(worth[category] + number));
        }

        Network network = Network.Build(net => net.EmbedColumns([new(0, Categories, 4)]).Dense(16).Relu().Dense(1), [2], seed: 2);
        var options = new TrainingOptions { Optimizer = new Adam { LearningRate = 0.01f }, NumberOfEpochs = 60, BatchSize = 32, Seed = 1 };
        TrainingHistory history = new TrainingLoop(network, new MeanSquaredErrorLoss(), options).Run(new MemoryBatchSource(x, [2], y));
        Assert.InRange(history.Epochs[^1].TrainingLoss, 0, 0.01);
    }

    [Fact]
    public void PredictionAllocatesNothing()
    {
        foreach (Network network in (Network[])[OfColumns(), Network.Build(net => net.Embedding(9, 4).Flatten().Dense(2), [5], seed: 2)])
        {
            float[] inputs = [1, 2, 3, 4, 5], outputs = new float[2];
            long allocated = long.MaxValue;
            for (int round = 0; round < 500 && allocated > 0; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < 100; i++)
                    network.Predict(inputs, outputs);
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            }

            Assert.Equal(0, allocated);
        }
    }

    private static float[] Rows(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).SelectMany(_ => new[] { Number(), random.Next(5), Number(), random.Next(1001), Number() })];
        float Number() => (float)(random.NextDouble() * 2 - 1);
    }

    private static void Close(float[] expected, float[] found)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-3);
    }
}
