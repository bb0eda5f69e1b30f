using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backprop.Benchmarks.Figures;

/// <summary>The simplest loops over memory, against which everything is judged that does little arithmetic per value.</summary>
internal static unsafe class BandwidthLoops
{
    /// <summary>Arrays for these loops are a multiple of this many floats long.</summary>
    public const int LengthUnit = 64;

    private static int Width => Vector512.IsHardwareAccelerated ? 16 : Vector256<float>.Count;

    /// <summary>a ← b + s·c: two values read and one written, McCalpin's STREAM triad.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Triad(float* a, float* b, float* c, int length)
    {
        if (Width == 16)
        {
            Vector512<float> factor = Vector512.Create(1.5f);
            for (int i = 0; i < length; i += 32)
            {
                Vector512.FusedMultiplyAdd(factor, Vector512.Load(c + i), Vector512.Load(b + i)).Store(a + i);
                Vector512.FusedMultiplyAdd(factor, Vector512.Load(c + i + 16), Vector512.Load(b + i + 16)).Store(a + i + 16);
            }
        }
        else
        {
            Vector256<float> factor = Vector256.Create(1.5f);
            for (int i = 0; i < length; i += 16)
            {
                Vector256.FusedMultiplyAdd(factor, Vector256.Load(c + i), Vector256.Load(b + i)).Store(a + i);
                Vector256.FusedMultiplyAdd(factor, Vector256.Load(c + i + 8), Vector256.Load(b + i + 8)).Store(a + i + 8);
            }
        }
    }

    /// <summary>The same past the caches: the old content of a need not be read before it is overwritten.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TriadNonTemporal(float* a, float* b, float* c, int length)
    {
        if (Width == 16)
        {
            Vector512<float> factor = Vector512.Create(1.5f);
            for (int i = 0; i < length; i += 16)
                Vector512.FusedMultiplyAdd(factor, Vector512.Load(c + i), Vector512.Load(b + i)).StoreAlignedNonTemporal(a + i);
        }
        else
        {
            Vector256<float> factor = Vector256.Create(1.5f);
            for (int i = 0; i < length; i += 8)
                Vector256.FusedMultiplyAdd(factor, Vector256.Load(c + i), Vector256.Load(b + i)).StoreAlignedNonTemporal(a + i);
        }
    }

    /// <summary>Reads an array, in four sums that do not wait for one another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Read(float* a, int length)
    {
        if (Width == 16)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int i = 0; i < length; i += 64)
            {
                s0 += Vector512.Load(a + i);
                s1 += Vector512.Load(a + i + 16);
                s2 += Vector512.Load(a + i + 32);
                s3 += Vector512.Load(a + i + 48);
            }

            return Vector512.Sum(s0 + s1 + (s2 + s3));
        }

        Vector256<float> t0 = default, t1 = default, t2 = default, t3 = default;
        for (int i = 0; i < length; i += 32)
        {
            t0 += Vector256.Load(a + i);
            t1 += Vector256.Load(a + i + 8);
            t2 += Vector256.Load(a + i + 16);
            t3 += Vector256.Load(a + i + 24);
        }

        return Vector256.Sum(t0 + t1 + (t2 + t3));
    }
}
