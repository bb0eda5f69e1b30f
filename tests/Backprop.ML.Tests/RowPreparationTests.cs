using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Rows are prepared value by value, row by row while they are read, or all at once: to the same bits.</summary>
public sealed class RowPreparationTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 1)]
    [InlineData(15, 1)]
    [InlineData(16, 1)]
    [InlineData(17, 1)]
    [InlineData(24, 1)]
    [InlineData(31, 1)]
    [InlineData(100, 1)]
    [InlineData(12, 3)]
    public void A_standardised_row_has_the_bits_of_its_formula(int width, int run)
    {
        const int Rows = 3;
        var random = new Random(width);
        double[] mean = [.. Enumerable.Range(0, width / run).Select(_ => (double)(float)(2000 * random.NextDouble() - 1000))];
        double[] scale = [.. mean.Select((_, i) => i % 5 == 4 ? 0 : Math.Exp(20 * random.NextDouble() - 10))];
        float[] special = [float.NaN, float.PositiveInfinity, -0f, float.Epsilon, float.MaxValue, 0];
        float[] values = [.. Enumerable.Range(0, Rows * width).Select(i => i % 7 == 3 ? special[i / 7 % special.Length] : 2000 * random.NextSingle() - 1000)];
        var standardization = Standardization.Of(mean, scale, run);
        float[] expected = [.. values.Select((value, i) => (float)((value - mean[i / run % mean.Length]) * scale[i / run % mean.Length]))];
        float[] together = [.. values];
        standardization.Apply(together);
        AssertSameBits(expected, together);
        AssertSameBits(expected, [.. values.Select((value, i) => standardization.Apply(i % width, value))]);
        for (int row = 0; row < Rows; row++)
        {
            float[] alone = values[(row * width)..((row + 1) * width)];
            standardization.Apply(alone);
            AssertSameBits(expected.AsSpan(row * width, width), alone);
        }
    }

    [Theory]
    [InlineData(5, false, false)]
    [InlineData(37, false, false)]
    [InlineData(37, false, true)]
    [InlineData(37, true, false)]
    [InlineData(37, true, true)]
    public void Streamed_rows_have_the_bits_of_rows_in_memory_and_of_the_formula(int width, bool isCompressed, bool hasMissing)
    {
        const int Rows = 230, Buffer = 64;
        var random = new Random(4);
        Vectors[] rows = FeatureRowsTests.Sparse(Rows, width, isCompressed ? 4 : width);
        foreach (Vectors row in rows)
        {
            if (!hasMissing || random.Next(3) != 0)
                continue;
            float[] values = [.. row.Features.GetValues()];
            values[random.Next(values.Length)] = float.NaN;
            row.Features = new VBuffer<float>(width, values.Length, values, [.. row.Features.GetIndices()]);
        }

        TrainingData memory = Read(rows, width, 1L << 30), streamed = Read(rows, width, 20 * width * sizeof(float) / (isCompressed ? 4 : 1));
        Assert.IsType<StreamedData>(streamed);
        Standardization features = Standardization.Of(memory.MeasureFeatures(), width, 0), targets = Standardization.Of(memory.MeasureTargets(), 1, 1);
        float[] imputed = [.. Enumerable.Range(0, width).Select(i => i + 0.25f)];
        var preparation = new Preparation(features, targets, hasMissing ? imputed : null);
        memory.Prepare(preparation);
        streamed.Prepare(preparation);
        using var source = new StreamedSource((StreamedData)streamed, Buffer, CancellationToken.None);
        BatchSource inMemory = memory.CreateSource(50, CancellationToken.None);
        for (int epoch = 0; epoch < 3; epoch++) // buffers are used again
        {
            (float[] values, float[] numbers) = Epoch(source, epoch);
            (float[] inMemoryValues, float[] inMemoryNumbers) = Epoch(inMemory, epoch);
            AssertSameBits(inMemoryValues, values);
            AssertSameBits(inMemoryNumbers, numbers);
            for (int row = 0; row < Rows; row++)
            {
                float[] given = [.. rows[row].Features.DenseValues()];
                float[] expected = [.. given.Select((value, i) => (float)(((float.IsNaN(value) ? imputed[i] : value) - features.Mean[i]) * features.Scale[i]))];
                AssertSameBits(expected, values.AsSpan(row * width, width));
                AssertSameBits([(float)((rows[row].Number - targets.Mean[0]) * targets.Scale[0])], numbers.AsSpan(row, 1));
            }
        }

        (float[] Values, float[] Numbers) Epoch(BatchSource given, int epoch)
        {
            const int Batch = 50;
            float[] values = new float[Rows * width], numbers = new float[Rows];
            given.Begin(1, epoch, shuffle: false);
            for (int row = 0; row < Rows;)
            {
                int count = Math.Min(Batch, Rows - row), read = given.Read(values.AsSpan(row * width, count * width), numbers.AsSpan(row, count), []);
                Assert.Equal(count, read);
                row += read;
            }

            return (values, numbers);
        }
    }

    private TrainingData Read(Vectors[] rows, int width, long budget)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        TrainingColumns columns = Vectors.Columns with { KeepsMissingFeatures = true };
        return TrainingDataReader.Read(channel, new Examples(host, columns, Vectors.View(_ml, rows, width), "Training set"), new MemoryPlan(budget, null), () => { });
    }

    // As bits: to Assert.Equal -0 is 0.
    private static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]) || float.IsNaN(expected[i]) && float.IsNaN(actual[i]),
                $"element {i}: {actual[i]}, expected {expected[i]}");
        }
    }
}
