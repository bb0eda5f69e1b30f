using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>The processor's matrix product: all transposes, sizes around the tiles, epilogues, equal bits for every number of threads.</summary>
public class MatMulTests
{
    /// <summary>A way to compute a product.</summary>
    internal delegate void Multiplication(in MatMulArguments arguments);

    private const double Tolerance = 1e-12; // the goal of the project is 10⁻⁷
    private const int GuardLength = 64;
    private const float GuardValue = -98765.4f;
    private static readonly int[] Sizes = [0, 1, 2, 3, 5, 13, 16, 17, 33, 64, 100];

    public static TheoryData<string, bool, bool> Transposes
    {
        get
        {
            var data = new TheoryData<string, bool, bool>();
            foreach ((InstructionSet set, _) in KernelHarness.Processors)
                foreach (bool a in (bool[])[false, true])
                    foreach (bool b in (bool[])[false, true])
                        data.Add(set.ToString(), a, b);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Transposes))]
    public void TheProductIsRightForEverySize(string instructionSet, bool transposeA, bool transposeB)
    {
        CpuDevice device = Processor(instructionSet)[1];
        CheckAll(device, [.. from m in Sizes from n in Sizes from k in Sizes select (m, n, k)], transposeA, transposeB);
    }

    [Theory]
    [MemberData(nameof(Transposes))]
    public void LargeProductsHaveTheSameBitsForEveryNumberOfThreads(string instructionSet, bool transposeA, bool transposeB)
    {
        foreach ((int m, int n, int k) in ((int, int, int)[])[(300, 200, 150), (515, 70, 1030), (37, 1000, 300), (1, 3000, 700), (2000, 3, 90), (129, 257, 64), (640, 16, 16), (32, 784, 256), (64, 300, 1024), (48, 130, 700), (1, 1100, 4200), (1, 4500, 300)])
        {
            float[] a = Samples.Uniform(m * k, 1), b = Samples.Uniform(k * n, 2), c = Samples.Uniform(m * n, 3), bias = Samples.Uniform(n, 4);
            double[] expected = Product(a, b, m, n, k, transposeA, transposeB);
            foreach (bool accumulate in (bool[])[false, true])
            {
                float[][] results = [.. Processor(instructionSet).Select(device => Run(device, a, b, c, accumulate ? null : bias, m, n, k, transposeA, transposeB, accumulate, Activation.Identity).Result)];
                double[] sum = [.. expected.Select((value, i) => value + (accumulate ? c[i] : bias[i % n]))];
                double error = KernelHarness.NormalizedMeanSquaredError(sum, results[0]);
                Assert.True(error <= Tolerance, $"{m} x {n} x {k}, accumulate {accumulate}: error {error:g3}");
                Assert.All(results, result => Assert.True(KernelHarness.SameBits(results[0], result), $"{m} x {n} x {k}, accumulate {accumulate}: other bits with other threads"));
            }
        }
    }

    public static TheoryData<string> InstructionSets => [.. KernelHarness.Processors.Select(processor => processor.Set.ToString())];

    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void ARowAloneEqualsTheSameRowInABatch(string instructionSet)
    {
        var activation = new Activation(ActivationKind.Tanh);
        foreach ((int n, int k) in ((int, int)[])[(1, 1), (10, 784), (16, 64), (17, 33), (64, 100), (100, 17), (128, 256), (3, 1000), (257, 513), (1000, 300)])
        {
            foreach (int rows in (int[])[2, 5, 13, 64, 300])
            {
                float[] a = Samples.Uniform(rows * k, 1), b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3);
                foreach (CpuDevice device in Processor(instructionSet))
                {
                    float[] batch = Run(device, a, b, new float[rows * n], bias, rows, n, k, false, false, false, activation).Result;
                    foreach (int row in (int[])[0, rows / 2, rows - 1])
                    {
                        float[] alone = Run(device, a[(row * k)..((row + 1) * k)], b, new float[n], bias, 1, n, k, false, false, false, activation).Result;
                        Assert.True(KernelHarness.SameBits(alone, batch.AsSpan(row * n, n)), $"row {row} of {rows}, N = {n}, K = {k}, {device}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void ARowOfMostlyZerosEqualsTheSameRowInABatch(string instructionSet)
    {
        foreach ((int n, int k) in ((int, int)[])[(1, 512), (10, 784), (33, 1000), (128, 3000), (257, 513), (5000, 600)])
        {
            foreach (int distance in (int[])[1, 5, 8, 9, 40, 5000])
            {
                float[] a = Samples.Uniform(2 * k, 1), b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3);
                for (int i = 0; i < k; i++)
                    a[k + i] = i % distance == distance / 2 ? a[k + i] : i % 2 == 0 ? 0f : -0f;
                foreach (CpuDevice device in Processor(instructionSet))
                {
                    float[] batch = Run(device, a, b, new float[2 * n], bias, 2, n, k, false, false, false, Activation.Identity).Result;
                    float[] alone = Run(device, a[k..], b, new float[n], bias, 1, n, k, false, false, false, Activation.Identity, maySkipZeros: true).Result;
                    Assert.True(KernelHarness.SameBits(alone, batch.AsSpan(n)), $"one in {distance} not zero, N = {n}, K = {k}, {device}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Transposes))]
    public void NotANumberAndInfinityPassThrough(string instructionSet, bool transposeA, bool transposeB) =>
        CheckNotFinite(Processor(instructionSet)[0], [(1, 1, 1), (1, 40, 70), (5, 33, 17), (33, 50, 40), (64, 300, 20), (600, 20, 9)], transposeA, transposeB);

    /// <summary>Checks that NaN and infinity reach the elements they belong to, and no others.</summary>
    internal static void CheckNotFinite(Device device, IEnumerable<(int M, int N, int K)> sizes, bool transposeA, bool transposeB, Multiplication? multiply = null)
    {
        foreach ((int m, int n, int k) in sizes)
        {
            // Zeros meet NaN and infinity, which both give NaN: a product that leaves out zeros would show here.
            float[] a = Samples.Uniform(m * k, 1), b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3);
            for (int i = 0; i < a.Length; i += 3)
                a[i] = 0;
            a[a.Length / 2] = float.NegativeInfinity;
            b[0] = float.NaN;
            b[^1] = float.PositiveInfinity;
            bias[n / 2] = float.PositiveInfinity;
            double[] expected = Product(a, b, m, n, k, transposeA, transposeB);
            float[] result = Run(device, a, b, new float[m * n], bias, m, n, k, transposeA, transposeB, false, Activation.Identity, multiply: multiply).Result;
            float[] added = Run(device, a, b, result, null, m, n, k, transposeA, transposeB, true, Activation.Identity, multiply: multiply).Result;
            for (int i = 0; i < result.Length; i++)
            {
                double sum = expected[i] + bias[i % n], twice = sum + expected[i];
                Assert.True(double.IsFinite(sum) ? Math.Abs(sum - result[i]) < 1e-4 : sum.Equals(result[i]), $"{m} x {n} x {k}, element {i}: {result[i]}, expected {sum}");
                Assert.True(double.IsFinite(twice) ? Math.Abs(twice - added[i]) < 1e-4 : twice.Equals(added[i]), $"{m} x {n} x {k}, element {i}, added: {added[i]}, expected {twice}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(InstructionSets))]
    public void EveryActivationMayFollowTheProduct(string instructionSet) =>
        CheckActivations(Processor(instructionSet)[0], [(1, 1, 1, false), (1, 37, 5, false), (5, 3, 7, false), (13, 33, 16, false), (64, 100, 17, false), (7, 16, 0, false), (150, 130, 3, false), (1, 37, 5, true), (1, 9, 0, true), (32, 200, 90, true)]);

    /// <summary>Checks every activation after products of the given sizes.</summary>
    internal static void CheckActivations(Device device, IReadOnlyList<(int M, int N, int K, bool TransposeB)> sizes, Multiplication? multiply = null)
    {
        foreach (ActivationKind kind in Enum.GetValues<ActivationKind>())
        {
            foreach ((int m, int n, int k, bool transposeB) in sizes)
            {
                var activation = new Activation(kind, 0.3f);
                float[] a = Samples.Uniform(m * k, 1), b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3);
                (float[] result, string? complaint) = Run(device, a, b, new float[m * n], bias, m, n, k, false, transposeB, false, activation, multiply: multiply);
                Assert.Null(complaint);
                double[] expected = [.. Product(a, b, m, n, k, false, transposeB).Select((value, i) => ActivationFormulas.Value(activation, value + bias[i % n]))];
                double error = KernelHarness.NormalizedMeanSquaredError(expected, result);
                Assert.True(error <= Tolerance, $"{kind} after {m} x {n} x {k}: error {error:g3}");
            }
        }
    }

    /// <summary>Checks products of the given sizes, plain, with bias and accumulated, on a device of any kind.</summary>
    internal static void CheckAll(Device device, IEnumerable<(int M, int N, int K)> sizes, bool transposeA, bool transposeB, Multiplication? multiply = null)
    {
        var failures = new List<string>();
        foreach ((int m, int n, int k) in sizes)
            Check(device, m, n, k, transposeA, transposeB, multiply ?? device.MatMul, failures);
        Assert.True(failures.Count == 0, $"{failures.Count} failures:\n{string.Join("\n", failures.Take(10))}");
    }

    private static void Check(Device device, int m, int n, int k, bool transposeA, bool transposeB, Multiplication multiply, List<string> failures)
    {
        float[] a = Samples.Uniform(m * k, m + 1), b = Samples.Uniform(k * n, n + 2), c = Samples.Uniform(m * n, k + 3), bias = Samples.Uniform(n, 5);
        double[] product = Product(a, b, m, n, k, transposeA, transposeB);
        foreach (int form in (int[])[0, 1, 2])
        {
            (float[] result, string? complaint) = Run(device, a, b, c, form == 2 ? bias : null, m, n, k, transposeA, transposeB, accumulate: form == 1, Activation.Identity, multiply: multiply);
            double[] expected = [.. product.Select((value, i) => form == 1 ? value + c[i] : form == 2 ? value + bias[i % n] : value)];
            double error = KernelHarness.NormalizedMeanSquaredError(expected, result);
            if (complaint is not null || !(error <= Tolerance))
                failures.Add($"M {m}, N {n}, K {k}, {(form == 1 ? "accumulated" : form == 2 ? "with bias" : "plain")}: {complaint ?? $"error {error:g3}"}");
        }
    }

    private static CpuDevice[] Processor(string instructionSet) => KernelHarness.Processors.Single(processor => processor.Set.ToString() == instructionSet).Devices;

    private static (float[] Result, string? Complaint) Run(
        Device device, float[] a, float[] b, float[] c, float[]? bias, int m, int n, int k, bool transposeA, bool transposeB, bool accumulate, Activation activation, bool maySkipZeros = false, Multiplication? multiply = null)
    {
        MemoryBlock blockA = Guarded(device, a, float.NaN), blockB = Guarded(device, b, float.NaN), blockC = Guarded(device, accumulate ? c : null, GuardValue, c.Length);
        MemoryBlock? blockBias = bias is null ? null : Guarded(device, bias, float.NaN);
        (multiply ?? device.MatMul)(new MatMulArguments(blockA, blockB, blockC, m, n, k)
        {
            TransposeA = transposeA,
            TransposeB = transposeB,
            Accumulate = accumulate,
            Bias = blockBias,
            Activation = activation,
            MaySkipZeros = maySkipZeros,
        });
        float[] result = Download(device, blockC, c.Length + GuardLength), afterA = Download(device, blockA, a.Length), afterB = Download(device, blockB, b.Length);
        device.Return(blockA);
        device.Return(blockB);
        device.Return(blockC);
        if (blockBias is not null)
            device.Return(blockBias);
        string? complaint = result.AsSpan(c.Length).ContainsAnyExcept(GuardValue) ? "written behind the end"
            : !KernelHarness.SameBits(a, afterA) || !KernelHarness.SameBits(b, afterB) ? "an operand was written" : null;
        return (result[..c.Length], complaint);
    }

    private static MemoryBlock Guarded(Device device, float[]? values, float guard, int length = 0)
    {
        length = values?.Length ?? length;
        MemoryBlock block = device.Rent(length + GuardLength, ElementType.Float32);
        device.Fill(block, guard, length + GuardLength);
        if (values is null)
            device.Fill(block, float.NaN, length);
        else
            device.Upload(values, block);
        return block;
    }

    private static float[] Download(Device device, MemoryBlock block, int length)
    {
        var values = new float[length];
        device.Download(block, values);
        return values;
    }

    private static double[] Product(float[] a, float[] b, int m, int n, int k, bool transposeA, bool transposeB)
    {
        var c = new double[m * n];
        for (int row = 0; row < m; row++)
        {
            for (int i = 0; i < k; i++)
            {
                double factor = transposeA ? a[i * m + row] : a[row * k + i];
                for (int column = 0; column < n; column++)
                    c[row * n + column] += factor * (transposeB ? b[column * k + i] : b[i * n + column]);
            }
        }

        return c;
    }
}
