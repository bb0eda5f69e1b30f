using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Backprop.Tests;

/// <summary>Model files: the same network back, and one exception for anything else.</summary>
public sealed class NetworkFileTests : IDisposable
{
    private const int PrefixLength = 20;
    private readonly string _directory = Directory.CreateTempSubdirectory("backprop").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static Network Small(int seed = 1) => Network.Build(net => net.Dense(4, name: "größe").Elu().Dropout(0.1f).Dense(2, useBias: false).Softmax(), [3], seed);

    private static byte[] Bytes(Network network)
    {
        using var stream = new MemoryStream();
        network.Save(stream);
        return stream.ToArray();
    }

    private static Network Load(byte[] bytes) => NetworkFile.Load(new MemoryStream(bytes));

    private static float[] Predict(Network network)
    {
        var outputs = new float[2 * 10];
        network.Predict(Samples.Uniform(3 * 10, 7), outputs);
        return outputs;
    }

    [Fact]
    public void ALoadedNetworkPredictsTheSameBits()
    {
        Network network = Small();
        network.TrainingStep = 41;
        Network loaded = Load(Bytes(network));
        Assert.Equal(Predict(network), Predict(loaded));
        Assert.Equal(network.Definition.ToJson(), loaded.Definition.ToJson());
        Assert.Equal(41, loaded.TrainingStep);
        Assert.Equal(Bytes(network), Bytes(loaded));
    }

    [Fact]
    public void WeightsStandInTheFieldsOrder()
    {
        byte[] bytes = Bytes(Network.Build(net => net.Dense(2), [3]));
        string text = Encoding.UTF8.GetString(bytes);
        Assert.Contains("""{"dense_1.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}""", text);
    }

    [Fact]
    public void EveryTruncationIsRefused()
    {
        byte[] bytes = Bytes(Small());
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidModelException>(() => Load(bytes[..length]));
    }

    [Fact]
    public void EveryFlippedBitIsRefused()
    {
        byte[] bytes = Bytes(Small());
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.Throws<InvalidModelException>(() => Load(bytes));
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Fact]
    public void AMutantWithARightChecksumIsRefusedOrHarmless()
    {
        byte[] bytes = Bytes(Small());
        var random = new Random(1);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] mutant = (byte[])bytes.Clone();
            for (int change = random.Next(1, 4); change > 0; change--)
                mutant[random.Next(PrefixLength, bytes.Length - 32)] = (byte)random.Next(256);
            Sign(mutant);
            try
            {
                Predict(Load(mutant));
            }
            catch (InvalidModelException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 2999); // some mutants only change a weight
    }

    [Theory]
    [InlineData("""{"inputShape":[3],"seed":1,"trainingStep":0,"layers":[{"kind":"dense","units":2147483647}]}""")]
    [InlineData("""{"inputShape":[2000000000],"seed":1,"trainingStep":0,"layers":[{"kind":"dense","units":1}]}""")]
    [InlineData("""{"inputShape":[-3],"seed":1,"trainingStep":0,"layers":[]}""")]
    [InlineData("""{"inputShape":[3],"seed":1,"trainingStep":0,"layers":[{"kind":"activation","function":99}]}""")]
    [InlineData("""{"inputShape":[1],"seed":1,"trainingStep":0,"layers":[{"kind":"dense","units":1,"useBias":false},{"kind":"activation","function":99}]}""")]
    [InlineData("""{"inputShape":[3],"seed":"x","trainingStep":0,"layers":[]}""")]
    [InlineData("""{"inputShape":[3],"seed":1,"layers":[]}""")]
    [InlineData("""[]""")]
    [InlineData("")]
    public void ADefinitionThatLiesIsRefusedWithoutAllocating(string json)
    {
        byte[] file = File(json, """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4);
        Assert.Throws<InvalidModelException>(() => Load(file));
        long before = GC.GetAllocatedBytesForCurrentThread();
        long native = Device.Cpu.Memory.BytesInUse;
        Assert.Throws<InvalidModelException>(() => Load(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.True(Device.Cpu.Memory.BytesInUse - native <= 1 << 20); // less, when the collector finds what other tests have left
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""")] // shape and bytes differ
    [InlineData("""{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""")] // a hole
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"code":"x"}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} {}""")]
    [InlineData("""{"a":[1]}""")]
    [InlineData("""[]""")]
    public void TensorsThatLieAreRefused(string header) =>
        Assert.Throws<InvalidModelException>(() => Load(File("""{"inputShape":[1],"seed":1,"trainingStep":0,"layers":[]}""", header, 4)));

    [Fact]
    public void AClaimedLengthCostsNoMemory()
    {
        byte[] bytes = Bytes(Small());
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(12), int.MaxValue);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidModelException>(() => Load(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void SavingReplacesTheFileAtomically()
    {
        string path = Path.Combine(_directory, "model.bin");
        Small(1).Save(path);
        Small(2).Save(path);
        Assert.Equal(Predict(Small(2)), Predict(NetworkFile.Load(path)));
        Assert.Equal([path], Directory.GetFiles(_directory));
        System.IO.File.AppendAllText(path, "x");
        Assert.Throws<InvalidModelException>(() => NetworkFile.Load(path));
    }

    [Fact]
    public void AFailedSaveLeavesTheOldFile()
    {
        string path = Path.Combine(_directory, "model.bin");
        Small(1).Save(path);
        byte[] old = System.IO.File.ReadAllBytes(path);
        for (int limit = 0; limit < old.Length; limit += 50)
            Assert.Throws<IOException>(() => Small(2).Save(new FailingStream(limit)));
        Assert.Throws<DirectoryNotFoundException>(() => Small(2).Save(Path.Combine(_directory, "nowhere", "model.bin")));
        Assert.Equal(old, System.IO.File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(_directory));
    }

    private static byte[] File(string json, string tensorHeader, int dataLength)
    {
        byte[] definition = Encoding.UTF8.GetBytes(json), header = Encoding.UTF8.GetBytes(tensorHeader);
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("BACKPROP"u8);
        writer.Write(1u);
        writer.Write((ulong)(4 + definition.Length + 8 + header.Length + dataLength));
        writer.Write((uint)definition.Length);
        writer.Write(definition);
        writer.Write((ulong)header.Length);
        writer.Write(header);
        writer.Write(new byte[dataLength + 32]);
        byte[] file = stream.ToArray();
        Sign(file);
        return file;
    }

    private static void Sign(byte[] file) => SHA256.HashData(file.AsSpan(0, file.Length - 32)).CopyTo(file, file.Length - 32);

    /// <summary>A disk that is full after so many bytes.</summary>
    private sealed class FailingStream(int limit) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Length + buffer.Length > limit)
                throw new IOException("The disk is full.");
            base.Write(buffer);
        }
    }
}
