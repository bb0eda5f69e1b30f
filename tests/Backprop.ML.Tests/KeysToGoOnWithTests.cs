using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Training that goes on with keys of features: what they stand for must be what it was, also if the model comes from a file.</summary>
public sealed class KeysToGoOnWithTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Keys_in_another_order_are_refused_and_the_same_ones_are_not(bool isLoaded)
    {
        IDataView data = MixedRows.View(_ml, MixedRows.Rows(200));
        NeuralNetworkTransformer model = Trainer().Fit(data);
        if (isLoaded)
            model = Saved(model, out _);
        Trainer().Fit(MixedRows.View(_ml, MixedRows.Rows(100, seed: 5)), model); // other rows, the same transforms

        foreach ((string column, string source) in new[] { ("Colour", "ColourName"), ("Tags", "TagNames") })
        {
            IDataView others = _ml.Transforms.Conversion.MapValueToKey(column, source, keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(data).Transform(data);
            Assert.Equal(data.Schema[column].Type, others.Schema[column].Type); // as many
            var error = Assert.Throws<InvalidOperationException>(() => Trainer().Fit(others, model));
            Assert.Contains($"The keys of feature column '{column}' stand for other values, or in another order, in the training data than in the model to go on with", error.Message);
        }
    }

    [Fact]
    public void Of_keys_that_stand_for_nothing_known_the_number_is_compared()
    {
        IEstimator<ITransformer> hash = _ml.Transforms.Conversion.Hash("Colour", "ColourName", numberOfBits: 4); // no key values
        IDataView data = hash.Fit(MixedRows.View(_ml, MixedRows.Rows(200))).Transform(MixedRows.View(_ml, MixedRows.Rows(200)));
        NeuralNetworkTransformer model = Saved(Trainer().Fit(data), out _);
        Assert.Null(model.Layout.Columns.Single(column => column.Name == "Colour").KeyFingerprint);
        Assert.NotNull(model.Layout.Columns.Single(column => column.Name == "Tags").KeyFingerprint);
        Trainer().Fit(data, model);
    }

    [Fact]
    public void The_file_tells_what_keys_stood_for_only_where_there_are_keys()
    {
        IDataView data = MixedRows.View(_ml, MixedRows.Rows(100));
        Saved(Trainer().Fit(data), out int version);
        Assert.Equal(4, version);
        Saved(Trainer("Numbers", "Age", "Member").Fit(data), out version);
        Assert.Equal(3, version);
    }

    // The bytes stand in files: these digits must never change.
    [Fact]
    public void A_fingerprint_is_the_same_in_every_version_and_country()
    {
        Assert.Equal("5A84D81F89FDBEF233B8C37278DED963117D3C2010493ADA62DFA1AB6F6FAE5E", new LabelKeyValues<ReadOnlyMemory<char>>(TextDataViewType.Instance, ["ab".AsMemory(), "c".AsMemory()]).Fingerprint());
        Assert.NotEqual(
            new LabelKeyValues<ReadOnlyMemory<char>>(TextDataViewType.Instance, ["ab".AsMemory(), "c".AsMemory()]).Fingerprint(),
            new LabelKeyValues<ReadOnlyMemory<char>>(TextDataViewType.Instance, ["a".AsMemory(), "bc".AsMemory()]).Fingerprint());
        var before = System.Globalization.CultureInfo.CurrentCulture;
        try
        {
            var other = (System.Globalization.CultureInfo)before.Clone();
            (other.NumberFormat.NumberDecimalSeparator, other.NumberFormat.NegativeSign) = (",", "~");
            System.Globalization.CultureInfo.CurrentCulture = other;
            Assert.Equal("3101327A1600410F765D620B11DC97995EAC18F13B816CEBBD047A71680D614F", new LabelKeyValues<float>(NumberDataViewType.Single, [0.1f, -1e10f]).Fingerprint());
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_fingerprint_that_is_cut_short_is_no_model()
    {
        FeatureColumn key = new("b", FeatureKind.Key, 0, 1) { KeyCount = 4, KeyFingerprint = new string('A', 2 * LabelKeyValues.FingerprintLength) };
        Assert.Equal(key, Read(key));
        Assert.Throws<InvalidModelException>(() => Read(key with { KeyFingerprint = "AB" }));

        static FeatureColumn Read(FeatureColumn column)
        {
            using var file = new MemoryStream();
            new ModelFile(ModelTask.Regression, new FeatureLayout([column]), 0, null, Network.Build(net => net.Dense(1), [1])).Write(file);
            file.Position = 0;
            return ModelFile.Read(file).Layout.Columns[0];
        }
    }

    private NeuralNetworkTransformer Saved(NeuralNetworkTransformer model, out int version)
    {
        using var file = new MemoryStream();
        _ml.Model.Save(model, null, file);
        using (var zip = new System.IO.Compression.ZipArchive(new MemoryStream(file.ToArray())))
        {
            using Stream entry = zip.Entries.Single(entry => entry.FullName.EndsWith("NeuralNetwork", StringComparison.Ordinal)).Open();
            byte[] head = new byte[12];
            entry.ReadExactly(head);
            version = BitConverter.ToInt32(head, 8);
        }
        file.Position = 0;
        return (NeuralNetworkTransformer)new MLContext().Model.Load(file, out _);
    }

    private NeuralNetworkRegressionTrainer Trainer(params string[] features) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        FeatureColumns = features is [] ? MixedRows.Features : features,
        NumberOfEpochs = 1,
        Seed = 1,
    });
}
