namespace Backprop.Devices;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
/// a keyed bijection of a 128-bit counter, so number i is computed without the numbers before it.
/// </summary>
internal static class Philox
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint KeyIncrement0 = 0x9E3779B9, KeyIncrement1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>The four 32-bit words of block <paramref name="block"/> of the sequence.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(in RandomKey key, uint block)
    {
        uint x0 = block, x1 = (uint)key.Step, x2 = (uint)(key.Step >> 32), x3 = key.Stream;
        uint k0 = (uint)key.Seed, k1 = (uint)(key.Seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * x0;
            ulong product1 = (ulong)Multiplier1 * x2;
            (x0, x1, x2, x3) = ((uint)(product1 >> 32) ^ x1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ x3 ^ k1, (uint)product0);
            k0 += KeyIncrement0;
            k1 += KeyIncrement1;
        }

        return (x0, x1, x2, x3);
    }

    /// <summary>Element <paramref name="index"/> of the sequence, a uniform 32-bit word.</summary>
    public static uint Word(in RandomKey key, long index)
    {
        (uint x0, uint x1, uint x2, uint x3) = Block(key, (uint)(index >> 2));
        return (index & 3) switch { 0 => x0, 1 => x1, 2 => x2, _ => x3 };
    }

    /// <summary>Puts values into random order (Fisher and Yates): the same order for the same key, everywhere.</summary>
    public static void Shuffle(Span<int> values, in RandomKey key)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = (int)((ulong)Word(key, i) * (ulong)(i + 1) >> 32); // 32 random bits scaled to [0, i]
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>A word as a uniform number of [0, 1) with 24 bits, the same on every device.</summary>
    public static float ToUniform(uint word) => (int)(word >> 8) * (1f / (1 << 24)); // an int: the way from a uint to a float leads through double
}
