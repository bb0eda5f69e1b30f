using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>What belongs to a row stays with it: its targets, weight and group, however rows are held out, shuffled or read.</summary>
public sealed class SourceContentTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Rows_of_groups_come_with_their_labels_weights_and_the_beginnings_of_groups()
    {
        List<TaskRow> rows = TaskRow.Rows(100);
        var data = (InMemoryData)Read(rows, new TrainingColumns(["Features"], "Relevance", LabelKind.Relevance, "Weight", "Group"));
        (TrainingData kept, TrainingData held) = data.HoldOut(0.3f, 5, () => { });
        var groups = new List<uint>();
        foreach (TrainingData part in new[] { kept, held })
        {
            BatchSource source = part.CreateSource(16, CancellationToken.None);
            int most = source.Plan(16).MostRows;
            float[] features = new float[most * TaskRow.FeatureCount], targets = new float[2 * most], weights = new float[most];
            source.Begin(3, 0, shuffle: true);
            for (int read; (read = source.Read(features, targets, weights)) > 0;)
            {
                TaskRow? last = null;
                for (int i = 0; i < read; i++)
                {
                    TaskRow row = rows.Single(row => row.Features.AsSpan().SequenceEqual(features.AsSpan(i * TaskRow.FeatureCount, TaskRow.FeatureCount)));
                    Assert.Equal((row.Relevance, row.Weight), (targets[2 * i], weights[i]));
                    Assert.Equal(row.Group != last?.Group ? 1 : 0, targets[2 * i + 1]);
                    if (row.Group != last?.Group)
                        groups.Add(row.Group);
                    last = row;
                }
            }
        }
        Assert.Equal(rows.Select(row => row.Group).Distinct(), groups.Order()); // each once, so none is torn apart
    }

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(6000L)]
    public void Labels_that_are_vectors_stay_with_their_rows_when_some_are_held_out(long budget)
    {
        List<TaskRow> rows = TaskRow.Rows(300);
        (TrainingData kept, TrainingData held) = Read(rows, new TrainingColumns(["Features"], "Numbers", LabelKind.Numbers), budget).HoldOut(0.3f, 5, () => { });
        Assert.Equal((210, 90), (kept.Rows, held.Rows));
        int found = 0;
        foreach (TrainingData part in new[] { kept, held })
        {
            BatchSource source = part.CreateSource(10, CancellationToken.None);
            using var ends = source as IDisposable;
            float[] features = new float[10 * TaskRow.FeatureCount], targets = new float[30];
            source.Begin(3, 0, shuffle: true);
            for (int read; (read = source.Read(features, targets, [])) > 0;)
            {
                for (int i = 0; i < read; i++, found++)
                {
                    TaskRow row = rows.Single(row => row.Features.AsSpan().SequenceEqual(features.AsSpan(i * TaskRow.FeatureCount, TaskRow.FeatureCount)));
                    Assert.Equal(row.Numbers, targets[(3 * i)..(3 * i + 3)]);
                }
            }
        }
        Assert.Equal(300, found);
    }

    [Fact]
    public void Of_each_class_the_same_part_is_held_out()
    {
        int[] classes = [.. Enumerable.Range(0, 1000).Select(row => row % 100 == 0 ? 2 : row % 10 == 0 ? 1 : 0)];
        for (int seed = 0; seed < 20; seed++)
        {
            var split = ValidationSplit.Choose(classes.Length, row => classes[row], 3, 0.3f, seed);
            int[] held = [.. Enumerable.Range(0, 3).Select(label => Enumerable.Range(0, classes.Length).Count(row => classes[row] == label && split.IsHeldOut(row, label)))];
            Assert.Equal([270, 27, 3], held);
        }
    }

    [Fact]
    public void Sparse_vectors_of_keys_and_truth_values_are_the_full_ones()
    {
        VBuffer<uint>[] keys = [new(3, [2, 1, 3]), new(3, 1, [2], [1]), new(3, 0, [], []), new(3, 1, [3], [2])];
        VBuffer<bool>[] flags = [new(3, [true, true, true]), new(3, 1, [true], [0]), new(3, 0, [], []), new(3, 1, [true], [2])];
        var view = new Rows(keys, flags);
        var layout = FeatureLayout.Of(view.Schema, ["Keys", "Flags"]);
        var reader = new RowReader(_ml, view, layout);
        foreach (float[] expected in new[] { new float[] { 2, 1, 3, 1, 1, 1 }, [0, 2, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 3, 0, 0, 1] })
        {
            view.MoveNext();
            reader.Fetch();
            float[] full = [9, 9, 9, 9, 9, 9], stored = new float[6];
            var places = new int[6];
            reader.CopyTo(full);
            Assert.Equal(expected, full);
            Assert.Equal(6, reader.StoredCount);
            reader.CopyStoredTo(places, stored);
            Assert.Equal(expected, stored);
            Assert.Equal([0, 1, 2, 3, 4, 5], places);
        }
    }

    [Theory]
    [InlineData(0.01, 99)]
    [InlineData(0.1, 90)]
    [InlineData(0.5, 50)]
    [InlineData(0.999, 1)]
    public void As_many_usual_rows_exceed_the_error_of_reference_as_may(double rate, float reference)
    {
        float[] errors = [.. Enumerable.Range(1, 100).Select(error => (float)error).Reverse()];
        AnomalyCalibration calibration = AnomalyCalibration.Of([1, 1], errors, rate);
        Assert.Equal(reference, calibration.ReferenceError);
        Assert.Equal(Math.Min(99, Math.Round(100 * rate)), errors.Count(error => error > calibration.ReferenceError));
    }

    private TrainingData Read(List<TaskRow> rows, TrainingColumns columns, long budget = 1L << 30)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        return TrainingDataReader.Read(channel, new Examples(host, columns, TaskRow.View(_ml, rows), "Training set"), new MemoryPlan(budget, null), () => { });
    }

    /// <summary>Rows with sparse vectors, which objects cannot give for keys.</summary>
    private sealed class Rows : DataViewRow
    {
        private readonly VBuffer<uint>[] _keys;
        private readonly VBuffer<bool>[] _flags;
        private long _position = -1;

        public Rows(VBuffer<uint>[] keys, VBuffer<bool>[] flags)
        {
            (_keys, _flags) = (keys, flags);
            var schema = new DataViewSchema.Builder();
            schema.AddColumn("Keys", new VectorDataViewType(new KeyDataViewType(typeof(uint), 3), 3));
            schema.AddColumn("Flags", new VectorDataViewType(BooleanDataViewType.Instance, 3));
            Schema = schema.ToSchema();
        }

        public override DataViewSchema Schema { get; }

        public override long Position => _position;

        public override long Batch => 0;

        public void MoveNext() => _position++;

        public override bool IsColumnActive(DataViewSchema.Column column) => true;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = default;

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => column.Index == 0
            ? (ValueGetter<TValue>)(Delegate)(ValueGetter<VBuffer<uint>>)((ref VBuffer<uint> value) => _keys[_position].CopyTo(ref value))
            : (ValueGetter<TValue>)(Delegate)(ValueGetter<VBuffer<bool>>)((ref VBuffer<bool> value) => _flags[_position].CopyTo(ref value));
    }
}
