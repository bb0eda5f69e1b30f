using Backprop.Devices;
using Backprop.Devices.Cpu;

namespace Backprop.Tests;

// What changes if zeros of A may be left out: no bit as long as B is finite; else as the argument's documentation says.
public partial class MatMulTests
{
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void LeavingZerosOutChangesNoBit(string instructionSet)
    {
        CpuDevice[] devices = Processor(instructionSet);
        int group = 16 * Lanes(instructionSet); // the columns whose sums fill the registers
        foreach (int n in (int[])[group / 2 - 1, group / 2, group, group + group / 2, group + group / 2 + 1, 256 + group / 2 + 3])
        {
            foreach (int k in (int[])[63, 64, 65, 512, 513, 1030])
            {
                float[] b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3);
                foreach (int m in (int[])[1, 2, 35])
                {
                    foreach (int part in (int[])[2, 3, 8])
                    {
                        foreach (int offset in (int[])[-1, 0, 1])
                        {
                            float[] a = WithZeros(m * k, m * k / part + offset), c = Samples.Uniform(m * n, 4);
                            bool accumulate = offset == 0;
                            Activation activation = accumulate ? Activation.Identity : new Activation(ActivationKind.Relu);
                            float[]? added = accumulate ? null : bias;
                            float[] whole = Run(devices[0], a, b, c, added, m, n, k, false, false, accumulate, activation).Result;
                            foreach (CpuDevice device in devices)
                            {
                                (float[] result, string? complaint) = Run(device, a, b, c, added, m, n, k, false, false, accumulate, activation, maySkipZeros: true);
                                Assert.True(complaint is null && KernelHarness.SameBits(whole, result), $"{m} x {n} x {k}, one in {part} {offset:+0;-0;0} not zero, {device}: {complaint ?? "other bits"}");
                            }
                        }
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Transposes))]
    public void TransposedProductsMayBeAllowedToLeaveZerosOut(string instructionSet, bool transposeA, bool transposeB)
    {
        CpuDevice device = Processor(instructionSet)[0];
        foreach ((int m, int n, int k) in ((int, int, int)[])[(1, 256, 100), (5, 256, 100), (3, 300, 700), (600, 130, 70)])
        {
            float[] a = WithZeros(m * k, m * k / 10), b = Samples.Uniform(k * n, 2);
            float[] whole = Run(device, a, b, new float[m * n], null, m, n, k, transposeA, transposeB, false, Activation.Identity).Result;
            float[] result = Run(device, a, b, new float[m * n], null, m, n, k, transposeA, transposeB, false, Activation.Identity, maySkipZeros: true).Result;
            Assert.True(KernelHarness.SameBits(whole, result), $"{m} x {n} x {k}");
        }
    }

    // NaN in a row of B that meets zeros alone shows whether it was read: below the threshold it is not, at it and above all are.
    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void ZerosAreLeftOutBelowTheThreshold(string instructionSet)
    {
        const int K = 100;
        CpuDevice device = Processor(instructionSet)[0];
        int group = 16 * Lanes(instructionSet);
        (int Rows, int Columns, int MostNonzeros)[] thresholds =
        [
            (1, group / 2, 49),             // fewer than half
            (1, group + group / 2, 49),
            (1, group + group / 2 + 1, 12), // fewer than an eighth, where the sums do not stay in registers
            (1, group / 2 - 1, 12),
            (4, group / 2, 133),            // up to a third of all rows together
            (4, group, 133),
        ];
        foreach ((int m, int n, int most) in thresholds)
        {
            foreach (float poison in (float[])[float.NaN, float.PositiveInfinity])
            {
                Assert.False(IsPoisoned(m, n, most, K, poison), $"{m} x {n}: {most} of {m * K} numbers are not zero, and the others were not left out");
                Assert.True(IsPoisoned(m, n, most + 1, K, poison), $"{m} x {n}: {most + 1} of {m * K} numbers are not zero, and the others were left out");
                Assert.True(IsPoisoned(m, n, 0, K - 1, poison, minusZero: true), $"{m} x {n}: -0 was left out, which none but a sum that is -0 would notice");
            }

            // Depths below 64 are not looked at.
            Assert.True(IsPoisoned(m, n, 0, 63, float.NaN));
            Assert.False(IsPoisoned(m, n, 0, 64, float.NaN));
        }

        bool IsPoisoned(int m, int n, int nonzeros, int k, float poison, bool minusZero = false)
        {
            const int Poisoned = 7;
            float[] a = new float[m * k], b = Samples.Uniform(k * n, 2);
            for (int i = 0, row = 0; i < nonzeros; row = (row + 1) % m)
            {
                int column = i / m < Poisoned ? i / m : i / m + 1;
                a[row * k + column] = 1;
                i++;
            }

            if (minusZero)
                a[Poisoned] = -0f;
            b.AsSpan(Poisoned * n, n).Fill(poison);
            float[] result = Run(device, a, b, new float[m * n], null, m, n, k, false, false, false, Activation.Identity, maySkipZeros: true).Result;
            bool[] isNaN = [.. result.Select(float.IsNaN)];
            int first = minusZero ? n : isNaN.Length;
            Assert.True(isNaN.AsSpan(0, first).IndexOf(!isNaN[0]) < 0, "some columns were treated otherwise");
            return isNaN[0];
        }
    }

    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void WhatIsNotFiniteShowsThoughZerosAreLeftOut(string instructionSet)
    {
        const int K = 200;
        int group = 16 * Lanes(instructionSet);
        foreach (CpuDevice device in Processor(instructionSet))
        {
            foreach (int m in (int[])[1, 6])
            {
                foreach (int n in (int[])[m == 1 ? group / 2 - 1 : group / 2, group, group + group / 2 + 1])
                {
                    float[] a = WithZeros(m * K, m * 10), b = Samples.Uniform(K * n, 2);
                    int used = Array.FindIndex(a, value => value != 0), column = used % K;
                    int unused = Enumerable.Range(0, K).First(place => Enumerable.Range(0, m).All(row => a[row * K + place] == 0));
                    float[] expected = Run(device, a, b, new float[m * n], null, m, n, K, false, false, false, Activation.Identity).Result;

                    // A weight that no number other than zero meets may be anything.
                    b[unused * n] = float.NaN;
                    Assert.True(KernelHarness.SameBits(expected, Product()), $"{m} x {n}, {device}: a zero met NaN");

                    // One that a number meets shows in its column, in the rows that meet it.
                    b[column * n + n - 1] = float.NegativeInfinity;
                    float[] result = Product();
                    for (int i = 0; i < result.Length; i++)
                    {
                        bool meets = i % n == n - 1 && a[i / n * K + column] != 0;
                        Assert.True(meets ? float.IsInfinity(result[i]) : result[i].Equals(expected[i]), $"{m} x {n}, element {i}, {device}: {result[i]}");
                    }

                    // And what is not finite in A is not zero.
                    a[used] = float.NaN;
                    Assert.All(Product().AsSpan(used / K * n, n).ToArray(), value => Assert.True(float.IsNaN(value)));

                    float[] Product() => Run(device, a, b, new float[m * n], null, m, n, K, false, false, false, Activation.Identity, maySkipZeros: true).Result;
                }
            }
        }
    }

    private static int Lanes(string instructionSet) => Enum.Parse<InstructionSet>(instructionSet) switch
    {
        InstructionSet.Vector512 => 16,
        InstructionSet.Vector256 => 8,
        InstructionSet.Vector128 => 4,
        _ => 1,
    };

    /// <summary>Numbers of which so many are not zero, at random places.</summary>
    private static float[] WithZeros(int length, int nonzeros)
    {
        float[] values = Samples.Uniform(length, 1);
        int[] places = [.. Enumerable.Range(0, length)];
        new Random(length + nonzeros).Shuffle(places);
        foreach (int place in places.AsSpan(Math.Clamp(nonzeros, 0, length)))
            values[place] = 0;
        return values;
    }
}
