using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

public sealed class PersistenceTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;
    private readonly string _folder = Directory.CreateTempSubdirectory("backprop").FullName;

    public PersistenceTests() => _data = Samples.View(_ml, 300);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("Number")]
    [InlineData("Flag")]
    [InlineData("Class")]
    public void A_fresh_process_that_registers_nothing_gives_the_same_bits(string label) => SameBitsInAFreshProcess(Fit(label), _data);

    [Fact]
    public void It_does_so_with_feature_columns_of_several_kinds()
    {
        IDataView data = MixedRows.View(_ml, MixedRows.Rows(100));
        var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", FeatureColumns = MixedRows.Features, NumberOfEpochs = 1 };
        SameBitsInAFreshProcess(_ml.Regression.Trainers.NeuralNetwork(options).Fit(data), data);
    }

    private void SameBitsInAFreshProcess(ITransformer model, IDataView data)
    {
        string modelFile = Path.Combine(_folder, "model.zip"), dataFile = Path.Combine(_folder, "data.idv"), scoreFile = Path.Combine(_folder, "scores");
        _ml.Model.Save(model, data.Schema, modelFile);
        using (FileStream stream = File.Create(dataFile))
            _ml.Data.SaveAsBinary(data, stream);

        // A copy of the loader's own build output would hide a missing dependency: it runs from there, with its own list of them.
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Loader.dll"), modelFile, dataFile, scoreFile]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(60_000));
        Assert.True(process.ExitCode == 0, errors);

        byte[] bytes = File.ReadAllBytes(scoreFile);
        int[] found = [.. Enumerable.Range(0, bytes.Length / 4).Select(i => BitConverter.ToInt32(bytes, 4 * i))];
        Assert.Equal(Samples.ScoreBits(model.Transform(data)), found);
    }

    [Fact]
    public void The_loaded_model_knows_what_it_is()
    {
        NeuralNetworkTransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 2).Fit(_data);
        var loaded = Assert.IsType<NeuralNetworkTransformer>(Load(Save(model)));
        Assert.Equal("Features", loaded.FeatureColumnName);
        Assert.Equal(model.FeatureColumnType, loaded.FeatureColumnType);
        Assert.Equal(model.Model.Summary(), loaded.Model.Summary());
        Assert.NotNull(model.Model.History);
        Assert.Null(loaded.Model.History);
    }

    // Every type that MapValueToKey maps, with awkward values among them.
    [Fact]
    public void Key_values_of_every_type_come_back()
    {
        RoundTrip("ü", "", "日本");
        RoundTrip(1.5f, -0f, float.MaxValue);
        RoundTrip(Math.PI, double.Epsilon);
        RoundTrip(true, false);
        RoundTrip<sbyte>(-128, 127);
        RoundTrip<byte>(0, 255);
        RoundTrip(short.MinValue, short.MaxValue);
        RoundTrip(ushort.MinValue, ushort.MaxValue);
        RoundTrip(int.MinValue, int.MaxValue);
        RoundTrip(uint.MinValue, uint.MaxValue);
        RoundTrip(long.MinValue, long.MaxValue);
        RoundTrip(ulong.MinValue, ulong.MaxValue);
        RoundTrip(DateTime.MinValue, new DateTime(2026, 11, 24));
        RoundTrip(new DateTimeOffset(2026, 11, 24, 1, 2, 3, TimeSpan.FromMinutes(-210)), DateTimeOffset.MinValue);
        RoundTrip(TimeSpan.FromTicks(-1), TimeSpan.MaxValue);
    }

    [Fact]
    public void A_label_without_key_values_works()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 60).Select(i => new KeyRow { Features = [i % 2, i], Label = (uint)(i % 4) }));
        ITransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork(numberOfEpochs: 2).Fit(data);
        foreach (ITransformer each in new[] { model, Load(Save(model)) })
        {
            DataViewSchema schema = each.GetOutputSchema(data.Schema);
            Assert.Null(schema["PredictedLabel"].Annotations.Schema.GetColumnOrNull("KeyValues"));
            Assert.Null(schema["Score"].Annotations.Schema.GetColumnOrNull("SlotNames"));
        }
    }

    [Fact]
    public void The_offset_of_a_cut_is_where_the_payload_ends()
    {
        byte[] payload = Payload(Fit("Class"));
        foreach (int length in new[] { 4, 30, payload.Length / 2, payload.Length - 5 })
            Assert.Equal(length, Assert.Throws<InvalidModelException>(() => Read(payload[..length])).Offset);
    }

    [Fact]
    public void A_model_that_was_cut_short_gives_one_exception()
    {
        byte[] payload = Payload(Fit("Class"));
        for (int length = 0; length < payload.Length; length = length < 200 ? length + 1 : length + 37)
            Rejects(payload[..length], length);
        Rejects([.. payload, 0], payload.Length + 1);
    }

    [Fact]
    public void A_model_with_an_altered_byte_gives_one_exception()
    {
        byte[] payload = Payload(Fit("Class"));
        Read(payload);                                                                              // unaltered, it is read
        var random = new Random(1);
        for (int i = 0; i < 1500; i++)
        {
            int place = i < 300 ? i : random.Next(payload.Length);
            byte[] altered = [.. payload];
            altered[place] ^= (byte)(1 << random.Next(8));
            Rejects(altered, place);
        }
    }

    [Fact]
    public void Lengths_that_a_file_only_claims_are_not_allocated()
    {
        byte[] payload = Payload(Fit("Class"));
        byte[] altered = [.. payload];
        BitConverter.GetBytes(int.MaxValue).CopyTo(altered, 12);                                    // the length of the header
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rejects(altered, 12);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * payload.Length + 1_000_000);
    }

    // Through ML.NET, whose own zip and stream formats stand around ours: our exception may come wrapped, but it comes.
    [Fact]
    public void Altered_payload_inside_a_model_file_is_reported_through_MLNET()
    {
        byte[] file = Save(Fit("Class")), altered = Rezip(file, payload => payload[^5] ^= 1);
        Exception e = Assert.ThrowsAny<Exception>(() => Load(altered));
        Assert.Contains(Chain(e), inner => inner is InvalidModelException);
        Assert.NotNull(Load(Rezip(file, _ => { })));
    }

    private static IEnumerable<Exception> Chain(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            yield return e;
    }

    private static byte[] Rezip(byte[] file, Action<byte[]> alter)
    {
        using var stream = new MemoryStream();
        stream.Write(file);
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Update, leaveOpen: true))
        {
            ZipArchiveEntry entry = zip.Entries.Single(found => found.Name == "NeuralNetwork");
            string name = entry.FullName;
            using var content = new MemoryStream();
            using (Stream old = entry.Open())
                old.CopyTo(content);
            entry.Delete();
            byte[] bytes = content.ToArray();
            alter(bytes);
            using Stream changed = zip.CreateEntry(name).Open();
            changed.Write(bytes);
        }
        return stream.ToArray();
    }

    private static byte[] Payload(ITransformer model)
    {
        object file = typeof(NeuralNetworkTransformer).GetMethod("ToFile", BindingFlags.NonPublic | BindingFlags.Instance)!.Invoke(model, null)!;
        using var stream = new MemoryStream();
        ((Persistence.ModelFile)file).Write(stream);
        return stream.ToArray();
    }

    private static Persistence.ModelFile Read(byte[] payload) => Persistence.ModelFile.Read(new MemoryStream(payload));

    private static void Rejects(byte[] payload, int place)
    {
        try
        {
            Read(payload);
        }
        catch (InvalidModelException)
        {
            return;
        }
        Assert.Fail($"The change at byte {place} was not noticed.");
    }

    private void RoundTrip<T>(params T[] values)
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new ValueRow<T> { Features = [i], Value = values[i % values.Length] }));
        data = _ml.Transforms.Conversion.MapValueToKey("Label", "Value").Fit(data).Transform(data);
        ITransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork(hiddenUnits: [], numberOfEpochs: 1).Fit(data);
        foreach (ITransformer each in new[] { model, Load(Save(model)) })
        {
            IDataView mapped = _ml.Transforms.Conversion.MapKeyToValue("Value2", "PredictedLabel").Fit(each.Transform(data)).Transform(each.Transform(data));
            Assert.Equal(data.Schema["Value"].Type, mapped.Schema["Value2"].Type);
            Assert.Equal(KeyValues(data.Schema["Label"], "KeyValues"), KeyValues(mapped.Schema["PredictedLabel"], "KeyValues"));
            Assert.Equal(KeyValues(data.Schema["Label"], "KeyValues"), KeyValues(mapped.Schema["Score"], "TrainingLabelValues"));
        }

        static string[] KeyValues(DataViewSchema.Column column, string name)
        {
            if (typeof(T) == typeof(string))
                return Values<ReadOnlyMemory<char>>(column, name);
            return Values<T>(column, name);
        }

        static string[] Values<TValue>(DataViewSchema.Column column, string name)
        {
            VBuffer<TValue> found = default;
            column.Annotations.GetValue(name, ref found);
            Assert.NotEqual(0, found.Length);
            return [.. found.DenseValues().Select(value => value is IFormattable number ? number.ToString(value is float or double ? "R" : "", null) : $"{value}")];
        }
    }

    private ITransformer Fit(string label) => label switch
    {
        "Number" => _ml.Regression.Trainers.NeuralNetwork(label, numberOfEpochs: 2).Fit(_data),
        "Flag" => _ml.BinaryClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 2).Fit(_data),
        _ => _ml.MulticlassClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 2).Fit(_data),
    };

    private byte[] Save(ITransformer model)
    {
        using var stream = new MemoryStream();
        _ml.Model.Save(model, null, stream);
        return stream.ToArray();
    }

    private ITransformer Load(byte[] file) => new MLContext().Model.Load(new MemoryStream(file), out _);

    private sealed class ValueRow<T>
    {
        [VectorType(1)]
        public float[] Features { get; set; } = [];

        public T Value { get; set; } = default!;
    }

    private sealed class KeyRow
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        [KeyType(3)]
        public uint Label { get; set; }
    }
}
