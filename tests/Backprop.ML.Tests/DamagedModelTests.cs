using System.Reflection;
using System.Security.Cryptography;
using Backprop.ML.Persistence;
using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>Model files that were damaged, or made by someone who knows the format: an exception or the same scores, never anything else.</summary>
public sealed class DamagedModelTests
{
    private const int LengthOffset = 12, HeaderOffset = 16;

    private readonly MLContext _ml = new(seed: 1);

    // ML.NET's own parts of the file have no checksum, but what stands in them (names, versions) cannot change a score.
    [Fact]
    public void A_file_cut_or_altered_anywhere_is_refused_or_gives_the_same_scores()
    {
        IDataView data = Samples.View(_ml, 40);
        ITransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", hiddenUnits: [], numberOfEpochs: 1).Fit(data);
        using var stream = new MemoryStream();
        _ml.Model.Save(model, null, stream);
        byte[] file = stream.ToArray();
        int[] expected = Samples.ScoreBits(model.Transform(data));
        Assert.Equal(expected, Samples.ScoreBits(Load(file).Transform(data)));

        for (int length = 0; length < file.Length; length++)
            Assert.NotNull(Record.Exception(() => Load(file[..length])));
        int refused = 0;
        for (int place = 0; place < file.Length; place++)
        {
            byte[] altered = [.. file];
            altered[place] ^= (byte)(1 << (place % 8));
            ITransformer? loaded = null;
            if (Record.Exception(() => loaded = Load(altered)) is not null)
                refused++;
            else if (loaded is NeuralNetworkTransformer)
                Assert.Equal(expected, Samples.ScoreBits(loaded.Transform(data)));
        }
        Assert.InRange(refused, file.Length / 2, file.Length);
    }

    [Theory]
    [InlineData("Class")]
    [InlineData("imputed")]
    [InlineData("columns")]
    [InlineData("anomalies")]
    public void A_header_with_the_right_checksum_but_other_contents_is_refused_or_read(string kind)
    {
        byte[] payload = Payload(Fit(kind));
        int length = BitConverter.ToInt32(payload, LengthOffset);
        var random = new Random(1);
        Read(payload);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] header = payload[HeaderOffset..(HeaderOffset + length)];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int place = random.Next(length);
                switch (random.Next(4))
                {
                    case 0: header[place] = (byte)random.Next(256); break;
                    case 1: header[place] ^= (byte)(1 << random.Next(8)); break;
                    case 2: header[place] = random.Next(2) == 0 ? (byte)0 : (byte)0xFF; break;
                    default: header.AsSpan(place, Math.Min(4, length - place)).Fill(0x7F); break;
                }
            }
            if (random.Next(8) == 0)
                header = header[..random.Next(length)];
            byte[] altered = [.. payload[..LengthOffset], .. BitConverter.GetBytes(header.Length), .. header, .. SHA256.HashData(header), .. payload[(HeaderOffset + length + 32)..]];
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Read(altered);
            }
            catch (InvalidModelException e)
            {
                Assert.InRange(e.Offset, 0, altered.Length);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20L * altered.Length + 1_000_000);
        }
    }

    private static ITransformer Load(byte[] file) => new MLContext().Model.Load(new MemoryStream(file, writable: false), out _);

    private static ModelFile Read(byte[] payload) => ModelFile.Read(new MemoryStream(payload));

    private static byte[] Payload(ITransformer model)
    {
        object file = typeof(NeuralNetworkTransformer).GetMethod("ToFile", BindingFlags.NonPublic | BindingFlags.Instance)!.Invoke(model, null)!;
        using var stream = new MemoryStream();
        ((ModelFile)file).Write(stream);
        return stream.ToArray();
    }

    private ITransformer Fit(string kind) => kind switch
    {
        "imputed" => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1, MissingValues = MissingValueHandling.MeanImputation }).Fit(Samples.View(_ml, 40)),
        "columns" => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", FeatureColumns = MixedRows.Features, NumberOfEpochs = 1 }).Fit(MixedRows.View(_ml, MixedRows.Rows(40))),
        "anomalies" => _ml.AnomalyDetection.Trainers.NeuralNetwork(numberOfEpochs: 1).Fit(Samples.View(_ml, 40)),
        _ => _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", hiddenUnits: [], numberOfEpochs: 1).Fit(Samples.View(_ml, 40)),
    };
}
