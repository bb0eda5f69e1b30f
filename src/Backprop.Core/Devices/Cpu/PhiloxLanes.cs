using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>
/// The generator <see cref="Philox"/> for several blocks at once. Each 64-bit lane carries one block: its four words sit in
/// the lower halves of four registers, where one multiplication gives the upper and the lower word of a round's product
/// together. What remains in the upper halves is never read.
/// </summary>
internal static unsafe class PhiloxLanes
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint KeyIncrement0 = 0x9E3779B9, KeyIncrement1 = 0xBB67AE85;
    private const int Rounds = 10;

    // A uniform number is the word's upper 24 bits over 2²⁴, as in Philox.ToUniform.
    private const int DroppedBits = 8;
    private const float Unit = 1f / (1 << 24);

    /// <summary>How many words <see cref="RoundKeys"/> writes.</summary>
    public const int RoundKeyCount = 2 * Rounds;

    /// <summary>Writes the two keys of each round, which are the same for all blocks: once per run of blocks, for <see cref="Fill"/>.</summary>
    public static void RoundKeys(ulong seed, ulong* keys)
    {
        uint key0 = (uint)seed, key1 = (uint)(seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            keys[2 * round] = key0;
            keys[2 * round + 1] = key1;
            key0 += KeyIncrement0;
            key1 += KeyIncrement1;
        }
    }

    /// <summary>How many numbers <see cref="Fill"/> writes: four per block and 64-bit lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BatchSize<TSimd>()
        where TSimd : unmanaged, ISimd<TSimd> => Math.Max(2 * TSimd.Width, 4);

    /// <summary>Writes the uniform numbers of the blocks from <paramref name="block"/> on, in the order of the sequence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fill<TSimd>(in RandomKey key, ulong* roundKeys, uint block, float* uniforms)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // Both sides of these comparisons are constants to the JIT.
        if (typeof(TSimd) == typeof(Simd512))
            Fill512(key, roundKeys, block, uniforms);
        else if (typeof(TSimd) == typeof(Simd256))
            Fill256(key, roundKeys, block, uniforms);
        else if (typeof(TSimd) == typeof(Simd128))
            Fill128(key, roundKeys, block, uniforms);
        else
            FillScalar(key, block, uniforms);
    }

    [MethodImpl(KernelLoop.Options)]
    private static void FillScalar(in RandomKey key, uint block, float* uniforms)
    {
        (uint x0, uint x1, uint x2, uint x3) = Philox.Block(key, block);
        uniforms[0] = Philox.ToUniform(x0);
        uniforms[1] = Philox.ToUniform(x1);
        uniforms[2] = Philox.ToUniform(x2);
        uniforms[3] = Philox.ToUniform(x3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill512(in RandomKey key, ulong* roundKeys, uint block, float* uniforms)
    {
        // Unpacking below interleaves neighbouring lanes, so the lanes get the blocks 0 4 1 5 2 6 3 7; upper halves stay 0.
        Vector512<uint> counter = Vector512.Create(block) + Vector512.Create(0u, 0, 4, 0, 1, 0, 5, 0, 2, 0, 6, 0, 3, 0, 7, 0);
        Vector512<ulong> x0 = counter.AsUInt64();
        Vector512<ulong> x1 = Vector512.Create((ulong)(uint)key.Step);
        Vector512<ulong> x2 = Vector512.Create(key.Step >> 32);
        Vector512<ulong> x3 = Vector512.Create((ulong)key.Stream);
        for (int round = 0; round < Rounds; round++)
        {
            Vector512<ulong> product0 = Multiply(x0, Vector512.Create((ulong)Multiplier0));
            Vector512<ulong> product1 = Multiply(x2, Vector512.Create((ulong)Multiplier1));
            x0 = (product1 >>> 32) ^ x1 ^ Vector512.Create(roundKeys[2 * round]);
            x2 = (product0 >>> 32) ^ x3 ^ Vector512.Create(roundKeys[2 * round + 1]);
            x1 = product1;
            x3 = product0;
        }

        Vector512<ulong> lowerHalf = Vector512.Create((ulong)uint.MaxValue);
        Vector512<ulong> words01 = (x0 & lowerHalf) | (x1 << 32), words23 = (x2 & lowerHalf) | (x3 << 32);
        ToUniform(Avx512F.UnpackLow(words01, words23)).Store(uniforms);
        ToUniform(Avx512F.UnpackHigh(words01, words23)).Store(uniforms + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ToUniform(Vector512<ulong> words) =>
        Vector512.ConvertToSingle((words.AsUInt32() >>> DroppedBits).AsInt32()) * Vector512.Create(Unit);

    /// <summary>The products of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Multiply(Vector512<ulong> a, Vector512<ulong> b) => Avx512F.Multiply(a.AsUInt32(), b.AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill256(in RandomKey key, ulong* roundKeys, uint block, float* uniforms)
    {
        // Unpacking below interleaves neighbouring lanes, so the lanes get the blocks 0 2 1 3.
        Vector256<uint> counter = Vector256.Create(block) + Vector256.Create(0u, 0, 2, 0, 1, 0, 3, 0);
        Vector256<ulong> x0 = counter.AsUInt64();
        Vector256<ulong> x1 = Vector256.Create((ulong)(uint)key.Step);
        Vector256<ulong> x2 = Vector256.Create(key.Step >> 32);
        Vector256<ulong> x3 = Vector256.Create((ulong)key.Stream);
        for (int round = 0; round < Rounds; round++)
        {
            Vector256<ulong> product0 = Multiply(x0, Vector256.Create((ulong)Multiplier0));
            Vector256<ulong> product1 = Multiply(x2, Vector256.Create((ulong)Multiplier1));
            x0 = (product1 >>> 32) ^ x1 ^ Vector256.Create(roundKeys[2 * round]);
            x2 = (product0 >>> 32) ^ x3 ^ Vector256.Create(roundKeys[2 * round + 1]);
            x1 = product1;
            x3 = product0;
        }

        Vector256<ulong> lowerHalf = Vector256.Create((ulong)uint.MaxValue);
        Vector256<ulong> words01 = (x0 & lowerHalf) | (x1 << 32), words23 = (x2 & lowerHalf) | (x3 << 32);
        ToUniform(Avx2.UnpackLow(words01, words23)).Store(uniforms);
        ToUniform(Avx2.UnpackHigh(words01, words23)).Store(uniforms + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ToUniform(Vector256<ulong> words) =>
        Vector256.ConvertToSingle((words.AsUInt32() >>> DroppedBits).AsInt32()) * Vector256.Create(Unit);

    /// <summary>The products of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Multiply(Vector256<ulong> a, Vector256<ulong> b) => Avx2.Multiply(a.AsUInt32(), b.AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill128(in RandomKey key, ulong* roundKeys, uint block, float* uniforms)
    {
        // Two lanes: the blocks 0 and 1.
        Vector128<uint> counter = Vector128.Create(block) + Vector128.Create(0u, 0, 1, 0);
        Vector128<ulong> x0 = counter.AsUInt64();
        Vector128<ulong> x1 = Vector128.Create((ulong)(uint)key.Step);
        Vector128<ulong> x2 = Vector128.Create(key.Step >> 32);
        Vector128<ulong> x3 = Vector128.Create((ulong)key.Stream);
        for (int round = 0; round < Rounds; round++)
        {
            Vector128<ulong> product0 = Multiply(x0, Vector128.Create((ulong)Multiplier0));
            Vector128<ulong> product1 = Multiply(x2, Vector128.Create((ulong)Multiplier1));
            x0 = (product1 >>> 32) ^ x1 ^ Vector128.Create(roundKeys[2 * round]);
            x2 = (product0 >>> 32) ^ x3 ^ Vector128.Create(roundKeys[2 * round + 1]);
            x1 = product1;
            x3 = product0;
        }

        Vector128<ulong> lowerHalf = Vector128.Create((ulong)uint.MaxValue);
        Vector128<ulong> words01 = (x0 & lowerHalf) | (x1 << 32), words23 = (x2 & lowerHalf) | (x3 << 32);
        ToUniform(Vector128.Create(words01.GetLower(), words23.GetLower())).Store(uniforms);
        ToUniform(Vector128.Create(words01.GetUpper(), words23.GetUpper())).Store(uniforms + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToUniform(Vector128<ulong> words) =>
        Vector128.ConvertToSingle((words.AsUInt32() >>> DroppedBits).AsInt32()) * Vector128.Create(Unit);

    /// <summary>The products of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Multiply(Vector128<ulong> a, Vector128<ulong> b) =>
        Sse2.IsSupported
            ? Sse2.Multiply(a.AsUInt32(), b.AsUInt32())
            : (a & Vector128.Create((ulong)uint.MaxValue)) * b;
}
