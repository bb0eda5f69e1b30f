using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>That rows are compressed changes the memory they take, and no bit of what is learned.</summary>
public sealed class FeatureRowsTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Zeros_change_no_bit_of_the_sums()
    {
        var random = new Random(3);
        const int Width = 37, Rows = 500;
        ColumnMoments full = new(Width), compressed = new(Width);
        for (int i = 0; i < Rows; i++)
        {
            float[] row = [.. Enumerable.Range(0, Width).Select(_ => random.Next(4) == 0 ? (float)Math.Exp(20 * random.NextDouble() - 10) : 0)];
            int[] indices = [.. Enumerable.Range(0, Width).Where(column => row[column] != 0)];
            full.Add(row);
            compressed.Add(indices, [.. indices.Select(column => row[column])]);
        }
        Assert.Equal(full.Rows, compressed.Rows);
        for (int column = 0; column < Width; column++)
        {
            Assert.Equal(full.SumOf(column), compressed.SumOf(column));
            Assert.Equal(full.SumOfSquaresOf(column), compressed.SumOfSquaresOf(column));
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(1e6f, 0.5f)]
    [InlineData(1.6e9f, 1024f)]
    [InlineData(-3e-20f, 1e-22f)]
    public void A_small_spread_beside_a_large_mean_is_measured(float mean, float spread)
    {
        const int Rows = 20_000;
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, Rows).Select(_ => mean + spread * (float)(random.NextDouble() - 0.5))];
        var moments = new ColumnMoments(1);
        moments.Add(values);
        Standardization measured = Standardization.Of(moments, 1, scaleOfConstants: 0);
        double center = (float)values.Average(value => (double)value);
        double deviation = Math.Sqrt(values.Average(value => (value - center) * (value - center)));
        Assert.Equal(center, measured.Mean[0]);
        Assert.Equal(1, measured.Scale[0] * deviation, 1e-9);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.1f)]
    [InlineData(123456.7f)]
    public void A_constant_column_is_seen_as_one(float value)
    {
        var moments = new ColumnMoments(1);
        for (int i = 0; i < 100_000; i++)
            moments.Add([value]);
        Assert.Equal(0, Standardization.Of(moments, 1, scaleOfConstants: 0).Scale[0]);
    }

    [Fact]
    public void Rare_features_keep_their_zeros()
    {
        var moments = new ColumnMoments(17); // more than a vector holds: the rest is counted another way
        for (int row = 0; row < 100; row++)
        {
            float[] values = new float[17];
            values[0] = values[16] = row % 25 == 0 ? row % 2 == 0 ? 3 : -4 : 0; // 4 of 100
            values[1] = values[15] = row % 20 == 0 ? 2 : 0;                     // 5 of 100
            moments.Add(values);
        }

        Standardization measured = Standardization.Of(moments, 17, 0, keepsRareZeros: true);
        double rareScale = 1 / Math.Sqrt((9 + 9 + 16 + 16) / 4.0);
        Assert.Equal([0, rareScale], [measured.Mean[0], measured.Scale[0]]);
        Assert.Equal([0, rareScale], [measured.Mean[16], measured.Scale[16]]);
        Assert.Equal(0.1, measured.Mean[1], 1e-6);
        Assert.Equal(1 / Math.Sqrt(0.05 * 4 - 0.01), measured.Scale[1], 1e-6);
        Assert.Equal(measured.Scale[1], measured.Scale[15]);
        Assert.Equal([0.0, 0.0], [measured.Mean[2], measured.Scale[2]]); // constant
        Assert.NotEqual(rareScale, Standardization.Of(moments, 17, 0).Scale[0]);
    }

    [Fact]
    public void Compressed_rows_are_the_full_rows()
    {
        Vectors[] rows = Sparse(300, 50, 6);
        InMemoryData full = Read(View(rows, 50), new DenseRows(50)), compressed = Read(View(rows, 50), new SparseRows(50));
        Assert.Equal(AllRows(full), AllRows(compressed));
        Assert.Equal(AllRows(full), AllRows(Convert(full)));
        Assert.Equal(AllRows(full), AllRows(Convert(compressed)));

        (TrainingData kept, TrainingData held) = full.HoldOut(0.2f, 7, () => { });
        (TrainingData otherKept, TrainingData otherHeld) = compressed.HoldOut(0.2f, 7, () => { });
        Assert.Equal(60, held.Rows);
        Assert.Equal(AllRows((InMemoryData)held), AllRows((InMemoryData)otherHeld));
        Assert.Equal(AllRows((InMemoryData)kept), AllRows((InMemoryData)otherKept));

        var preparation = new Preparation(Standardization.Of(kept.MeasureFeatures(), 50, 0, keepsRareZeros: true), null, null);
        kept.Prepare(preparation);
        otherKept.Prepare(new Preparation(Standardization.Of(otherKept.MeasureFeatures(), 50, 0, keepsRareZeros: true), null, null));
        Assert.Equal(AllRows((InMemoryData)kept), AllRows((InMemoryData)otherKept));

        static InMemoryData Convert(InMemoryData data)
        {
            FeatureRows other = data.Features.Convert();
            Assert.NotEqual(data.Features.GetType(), other.GetType());
            return Copy(data, other);
        }
    }

    [Fact]
    public void Sparse_and_dense_vectors_train_the_same_bits()
    {
        Vectors[] sparse = Sparse(400, 60, 5);
        Vectors[] dense = [.. sparse.Select(row => new Vectors { Number = row.Number, Features = new VBuffer<float>(60, [.. row.Features.DenseValues()]) })];
        int[] bits = Fit(sparse);
        Assert.Equal(bits, Fit(dense));

        int[] Fit(Vectors[] rows) => Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = nameof(Vectors.Number),
            NumberOfEpochs = 3,
            Seed = 1,
        }).Fit(View(rows, 60)).Transform(View(sparse, 60)));
    }

    [Theory]
    [InlineData(20_000, 20, true)]
    [InlineData(100, 24, true)]
    [InlineData(100, 60, false)]
    public void Rows_are_compressed_where_that_is_smaller(int width, int valuesPerRow, bool isCompressed)
    {
        const int Rows = 1000;
        var data = (InMemoryData)ReadAll(View(Sparse(Rows, width, valuesPerRow), width));
        Assert.Equal(isCompressed ? typeof(SparseRows) : typeof(DenseRows), data.Features.GetType());
        Assert.True(data.Bytes <= (isCompressed ? (valuesPerRow * 8L + 20) * Rows : (width + 2L) * 4 * Rows), $"{data.Bytes} bytes");
    }

    [Fact]
    public void Rows_that_turn_out_to_be_full_are_not_compressed_any_more()
    {
        Vectors[] rows = [.. Sparse(10, 40, 1), .. Sparse(200, 40, 40)];
        var data = (InMemoryData)ReadAll(View(rows, 40));
        Assert.IsType<DenseRows>(data.Features);
        Assert.Equal(AllRows(Read(View(rows, 40), new DenseRows(40))), AllRows(data));
    }

    [Fact]
    public void Text_features_are_kept_compressed()
    {
        string[] words = [.. Enumerable.Range(0, 3000).Select(i => $"w{i}")];
        var random = new Random(1);
        IDataView texts = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 1000)
            .Select(i => new Texts { Flag = i % 2 == 0, Text = string.Join(' ', Enumerable.Range(0, 8).Select(_ => words[random.Next(words.Length)])) }).ToArray());
        IDataView features = _ml.Transforms.Text.FeaturizeText("Features", nameof(Texts.Text)).Fit(texts).Transform(texts);
        var columns = new TrainingColumns(["Features"], nameof(Texts.Flag), LabelKind.TrueOrFalse);
        var data = (InMemoryData)Read(columns, features);
        Assert.IsType<SparseRows>(data.Features);
        Assert.True(data.Bytes * 10 < data.Rows * data.Columns * sizeof(float), $"{data.Bytes} bytes for {data.Rows} rows of {data.Columns}");
    }

    internal static float[] AllRows(InMemoryData data)
    {
        var values = new float[data.Rows * (data.Columns + 1)];
        for (int row = 0; row < data.Rows; row++)
        {
            data.Features.CopyTo(row, values.AsSpan(row * (data.Columns + 1), data.Columns));
            values[(row + 1) * (data.Columns + 1) - 1] = data.Targets[row];
        }
        return values;
    }

    internal static Vectors[] Sparse(int rows, int width, int valuesPerRow)
    {
        var random = new Random(11);
        var all = new Vectors[rows];
        for (int i = 0; i < rows; i++)
        {
            int[] indices = [.. Enumerable.Range(0, valuesPerRow).Select(_ => random.Next(width)).Distinct().Order()];
            if (valuesPerRow == width)
                indices = [.. Enumerable.Range(0, width)];
            float[] values = [.. indices.Select(_ => 1 + random.NextSingle())];
            all[i] = new Vectors { Features = new VBuffer<float>(width, values.Length, values, indices), Number = values.Sum() };
        }
        return all;
    }

    private static InMemoryData Copy(InMemoryData data, FeatureRows features)
    {
        // By way of a view: targets cannot be set otherwise.
        Vectors[] rows = new Vectors[data.Rows];
        for (int row = 0; row < rows.Length; row++)
        {
            var values = new float[data.Columns];
            features.CopyTo(row, values);
            rows[row] = new Vectors { Features = new VBuffer<float>(values.Length, values), Number = data.Targets[row] };
        }
        return new FeatureRowsTests().Read(new FeatureRowsTests().View(rows, data.Columns), new DenseRows(data.Columns));
    }

    private IDataView View(Vectors[] rows, int width) => Vectors.View(_ml, rows, width);

    private InMemoryData Read(IDataView data, FeatureRows features)
    {
        var examples = new Examples(((IHostEnvironment)_ml).Register("test"), Vectors.Columns, data, "Training set");
        InMemoryData rows = examples.Room(features);
        using ExampleCursor example = examples.Open(() => { });
        while (example.MoveNext())
            rows.Add(example);
        return rows;
    }

    private TrainingData ReadAll(IDataView data) => Read(Vectors.Columns, data);

    private TrainingData Read(TrainingColumns columns, IDataView data)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        return TrainingDataReader.Read(channel, new Examples(host, columns, data, "Training set"), new MemoryPlan(1L << 30, null), () => { });
    }

    private sealed class Texts
    {
        public bool Flag { get; set; }

        public string Text { get; set; } = "";
    }
}

/// <summary>Rows whose features may be sparse.</summary>
internal sealed class Vectors
{
    public VBuffer<float> Features { get; set; }

    public float Number { get; set; }

    public static TrainingColumns Columns { get; } = new(["Features"], nameof(Number), LabelKind.Number);

    public static IDataView View(MLContext ml, IEnumerable<Vectors> rows, int width)
    {
        var schema = SchemaDefinition.Create(typeof(Vectors));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, width);
        return ml.Data.LoadFromEnumerable(rows, schema);
    }
}
