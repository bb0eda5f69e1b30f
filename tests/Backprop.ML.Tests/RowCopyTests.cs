using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>A mini-batch is the same rows whichever threads gather it, and however it is asked for.</summary>
public sealed class RowCopyTests
{
    private const int Rows = 400, Targets = 3;

    private static readonly int[] Lengths = [0, 1, 2, 27, 28, 128, 1000];

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1, false)]
    [InlineData(300, false)]
    [InlineData(300, true)]
    [InlineData(9000, true)] // a row is more than a chunk
    public void Any_number_of_threads_gathers_the_same_bits(int width, bool isCompressed)
    {
        InMemoryData data = Read(width, isCompressed);
        var random = new Random(2);
        foreach (int length in Lengths)
        {
            int[] rows = [.. Enumerable.Range(0, length).Select(_ => random.Next(Rows))];
            (float[] Features, float[] Targets, float[] Weights) expected = Room(length);
            data.CopyTo(rows, expected.Features, expected.Targets, expected.Weights);
            Assert.Equal(length > 0, expected.Features.Any(value => value != Guard));
            foreach (int threads in new[] { 0, 1, 2, 8 })
            {
                Device device = threads == 0 ? ReferenceDevice.Instance : new CpuDevice(InstructionSetDetection.Best, threads);
                (float[] Features, float[] Targets, float[] Weights) gathered = Room(length);
                RowCopy.Copy(data, rows, gathered.Features, gathered.Targets, gathered.Weights, device);
                (device as CpuDevice)?.Workers.Dispose();
                Assert.Equal(expected.Features, gathered.Features); // with what stands behind the rows
                Assert.Equal(expected.Targets, gathered.Targets);
                Assert.Equal(expected.Weights, gathered.Weights);
            }
        }

        (float[] Features, float[] Targets, float[] Weights) Room(int length) => (Guarded(length * width), Guarded(length * Targets), Guarded(length));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(400)]
    [InlineData(1000)] // more than there are
    public void Sources_give_the_same_mini_batches_with_and_without_threads(int batchSize)
    {
        const int Width = 70;
        var device = new CpuDevice(InstructionSetDetection.Best, 2);
        Func<BatchSource>[] sources = [() => new InMemorySource(Read(Width, isCompressed: false)), () => new StreamedSource(Stream(Width), 90, CancellationToken.None)];
        foreach (Func<BatchSource> create in sources)
        {
            BatchSource alone = create(), shared = create();
            using IDisposable? first = alone as IDisposable, second = shared as IDisposable;
            for (int epoch = 0; epoch < 2; epoch++)
            {
                alone.Begin(3, epoch, shuffle: true);
                shared.Begin(3, epoch, shuffle: true);
                long given = 0;
                while (true)
                {
                    float[] features = Guarded(batchSize * Width), targets = new float[batchSize * Targets], weights = new float[batchSize];
                    float[] otherFeatures = Guarded(batchSize * Width), otherTargets = new float[batchSize * Targets], otherWeights = new float[batchSize];
                    int read = alone.Read(features, targets, weights);
                    Assert.Equal(read, shared.Read(otherFeatures, otherTargets, otherWeights, device));
                    Assert.Equal(features, otherFeatures);
                    Assert.Equal(targets, otherTargets);
                    Assert.Equal(weights, otherWeights);
                    if (read == 0)
                        break;
                    given += read;
                }

                Assert.Equal(Rows, given);
            }
        }

        device.Workers.Dispose();
    }

    private const float Guard = -9876.5f;

    private static float[] Guarded(int length)
    {
        var values = new float[length + 50];
        Array.Fill(values, Guard);
        return values;
    }

    private static readonly TrainingColumns Columns = new(["Features"], nameof(Row.Numbers), LabelKind.Numbers, Weight: nameof(Row.Weight));

    private InMemoryData Read(int width, bool isCompressed)
    {
        Examples examples = Given(width);
        InMemoryData data = examples.Room(isCompressed ? new SparseRows(width) : new DenseRows(width));
        using ExampleCursor example = examples.Open(() => { });
        while (example.MoveNext())
            data.Add(example);
        return data;
    }

    private StreamedData Stream(int width)
    {
        Examples examples = Given(width);
        using IChannel channel = examples.Host.Start("test");
        return (StreamedData)TrainingDataReader.Read(channel, examples, new MemoryPlan(20 * width * sizeof(float), null), () => { });
    }

    private Examples Given(int width)
    {
        var random = new Random(width);
        Row[] rows = [.. Enumerable.Range(0, Rows).Select(i =>
        {
            float[] values = [.. Enumerable.Range(0, width).Select(_ => random.Next(3) == 0 ? 0 : random.NextSingle())];
            return new Row { Features = new VBuffer<float>(width, values), Numbers = [i, -i, random.NextSingle()], Weight = 1 + i };
        })];
        var schema = SchemaDefinition.Create(typeof(Row));
        schema[nameof(Row.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, width);
        return new Examples(((IHostEnvironment)_ml).Register("test"), Columns, _ml.Data.LoadFromEnumerable(rows, schema), "Training set");
    }

    private sealed class Row
    {
        public VBuffer<float> Features { get; set; }

        [VectorType(Targets)]
        public float[] Numbers { get; set; } = [];

        public float Weight { get; set; }
    }
}
