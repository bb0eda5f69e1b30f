using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>The random numbers: the published generator, addressed as documented.</summary>
public class PhiloxTests
{
    // Random123, tests/kat_vectors, philox4x32 with 10 rounds: counter, key, result. The last pair is the digits of π.
    [Theory]
    [InlineData(
        new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 },
        new uint[] { 0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8 })]
    [InlineData(
        new uint[] { 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF }, new uint[] { 0xFFFFFFFF, 0xFFFFFFFF },
        new uint[] { 0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD })]
    [InlineData(
        new uint[] { 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344 }, new uint[] { 0xA4093822, 0x299F31D0 },
        new uint[] { 0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1 })]
    public void ABlockIsThePublishedOne(uint[] counter, uint[] key, uint[] expected)
    {
        var randomKey = new RandomKey(key[0] | (ulong)key[1] << 32, counter[3], counter[1] | (ulong)counter[2] << 32);
        (uint x0, uint x1, uint x2, uint x3) = Philox.Block(randomKey, counter[0]);
        Assert.Equal(expected, new[] { x0, x1, x2, x3 });
        for (int lane = 0; lane < 4; lane++)
            Assert.Equal(expected[lane], Philox.Word(randomKey, counter[0] * 4L + lane));
    }

    [Theory]
    [InlineData(0u, 0f)]
    [InlineData(0xFFu, 0f)]
    [InlineData(0x100u, 1f / (1 << 24))]
    [InlineData(0x80000000u, 0.5f)]
    [InlineData(0xFFFFFFFFu, 1f - 1f / (1 << 24))]
    public void AWordIsAUniformNumberBelowOne(uint word, float expected) => Assert.Equal(expected, Philox.ToUniform(word));

    [Fact]
    public void EverythingInTheKeyChangesTheSequence()
    {
        RandomKey[] keys = [new(1, 2, 3), new(2, 2, 3), new(1ul << 32 | 1, 2, 3), new(1, 3, 3), new(1, 2, 4), new(1, 2, 1ul << 32 | 3)];
        Assert.Equal(keys.Length, keys.Select(key => Philox.Block(key, 0)).Distinct().Count());
        Assert.Equal(Philox.Block(keys[0], 5), Philox.Block(new RandomKey(1, 2, 3), 5));
    }

    [Fact]
    public void UniformNumbersAreSpreadEvenly()
    {
        const int Count = 100_000, Bins = 16;
        var counts = new int[Bins];
        double sum = 0, product = 0, previous = 0.5;
        for (int i = 0; i < Count; i++)
        {
            double u = Philox.ToUniform(Philox.Word(new RandomKey(42, 7, 1), i));
            counts[(int)(u * Bins)]++;
            sum += u - 0.5;
            product += (u - 0.5) * (previous - 0.5);
            previous = u;
        }

        Assert.InRange(sum / Count, -5 / Math.Sqrt(12.0 * Count), 5 / Math.Sqrt(12.0 * Count));
        Assert.InRange(product / Count * 12, -5 / Math.Sqrt(Count), 5 / Math.Sqrt(Count)); // neighbours are not correlated
        double chiSquare = counts.Sum(count => Math.Pow(count - (double)Count / Bins, 2) / ((double)Count / Bins));
        Assert.InRange(chiSquare, 2, 45); // 15 degrees of freedom: both ends beyond 1 in 10,000
    }
}
