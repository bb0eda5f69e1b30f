using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// Fused multiply-adds between registers and nothing else: what this processor can do at most at this moment, against
/// which matrix products are judged. A multiply-add takes about four cycles and two begin in each, so at least eight
/// must be under way; there are as many as fit into the registers with the two constants.
/// </summary>
internal static class FmaLoop
{
    /// <summary>Rounds that take some milliseconds.</summary>
    public const long RoundsPerProbe = 1_000_000;

    /// <summary>The vector width in bits and the number of accumulators.</summary>
    public static string Name => Is512 ? "fma512x24" : "fma256x12";

    /// <summary>Additions and multiplications in one round.</summary>
    public static double OperationsPerRound => Is512 ? 24 * 16 * 2 : 12 * 8 * 2;

    private static bool Is512 => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    /// <summary>Runs the loop on this thread.</summary>
    /// <returns>The sum of the accumulators, so that the compiler cannot leave them out.</returns>
    public static float Run(long rounds) => Is512 ? Run512(rounds) : Run256(rounds);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run512(long rounds)
    {
        // a ← a·0.9 + 0.1 stays at 1: neither infinity nor a denormal number, which some processors handle slowly.
        Vector512<float> factor = Vector512.Create(0.9f), term = Vector512.Create(0.1f);
        Quad512 first = default, second = default, third = default, fourth = default, fifth = default, sixth = default;
        for (long round = 0; round < rounds; round++)
        {
            first.MultiplyAdd(factor, term);
            second.MultiplyAdd(factor, term);
            third.MultiplyAdd(factor, term);
            fourth.MultiplyAdd(factor, term);
            fifth.MultiplyAdd(factor, term);
            sixth.MultiplyAdd(factor, term);
        }

        return first.Sum() + second.Sum() + third.Sum()
            + fourth.Sum() + fifth.Sum() + sixth.Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run256(long rounds)
    {
        Vector256<float> factor = Vector256.Create(0.9f), term = Vector256.Create(0.1f);
        Quad256 first = default, second = default, third = default;
        for (long round = 0; round < rounds; round++)
        {
            first.MultiplyAdd(factor, term);
            second.MultiplyAdd(factor, term);
            third.MultiplyAdd(factor, term);
        }

        return first.Sum() + second.Sum() + third.Sum();
    }

    /// <summary>Four accumulators. The compiler keeps the fields of so small a struct in registers.</summary>
    private struct Quad512
    {
        private Vector512<float> _a, _b, _c, _d;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MultiplyAdd(Vector512<float> factor, Vector512<float> term)
        {
            _a = Vector512.FusedMultiplyAdd(_a, factor, term);
            _b = Vector512.FusedMultiplyAdd(_b, factor, term);
            _c = Vector512.FusedMultiplyAdd(_c, factor, term);
            _d = Vector512.FusedMultiplyAdd(_d, factor, term);
        }

        public readonly float Sum() => Vector512.Sum(_a + _b + _c + _d);
    }

    /// <inheritdoc cref="Quad512"/>
    private struct Quad256
    {
        private Vector256<float> _a, _b, _c, _d;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MultiplyAdd(Vector256<float> factor, Vector256<float> term)
        {
            _a = Vector256.FusedMultiplyAdd(_a, factor, term);
            _b = Vector256.FusedMultiplyAdd(_b, factor, term);
            _c = Vector256.FusedMultiplyAdd(_c, factor, term);
            _d = Vector256.FusedMultiplyAdd(_d, factor, term);
        }

        public readonly float Sum() => Vector256.Sum(_a + _b + _c + _d);
    }
}
