using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>
/// NaN, the infinities, signed zeros, the largest and the smallest numbers go through every kernel with the meaning that
/// IEEE arithmetic gives them: the judge's, rounded to a float.
/// </summary>
public class SpecialValueTests
{
    private const float Infinity = float.PositiveInfinity, Largest = float.MaxValue, Denormal = float.Epsilon;

    // 20, so that a register of any width is filled and an end is left.
    private static readonly float[] Values =
    [
        0f, -0f, float.NaN, Infinity, -Infinity, Largest, -Largest, Denormal, -Denormal, 1.17549435e-38f, -1.17549435e-38f, 1f, -1f, 0.5f, -0.5f, 3f, -3f, 90f, -90f, 1e-20f,
    ];

    private static readonly float[] Reversed = [.. Values.Reverse()];

    public static TheoryData<ActivationKind> Activations => [.. Enum.GetValues<ActivationKind>()];

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activate(ActivationKind kind) =>
        Check([Values, Values], (d, m) => d.Activate(new Activation(kind, 0.5f), m[0], m[1], Values.Length));

    [Theory]
    [MemberData(nameof(Activations))]
    public void GradientsThroughActivations(ActivationKind kind)
    {
        // Where the derivative is 0 for good, a kernel may stop any gradient (0 · ∞ would be NaN): so only positive inputs.
        var activation = new Activation(kind, 0.5f);
        float[] x = [.. Enumerable.Repeat(0.75f, Values.Length)];
        float[] given = activation.DerivativeFromOutput ? [.. x.Select(value => (float)ActivationFormulas.Value(activation, value))] : x;
        Check([given, Values, Values], (d, m) => d.ActivateBackward(
            activation, activation.DerivativeFromOutput ? null : m[0], activation.DerivativeFromOutput ? m[0] : null, m[1], m[2], Values.Length, accumulate: false));
    }

    [Fact]
    public void Add() => Check([Values, Reversed, Values], (d, m) => d.Add(m[0], m[1], m[2], Values.Length));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Multiply(bool accumulate) => Check([Values, Reversed, Values], (d, m) => d.Multiply(m[0], m[1], m[2], Values.Length, accumulate));

    [Theory]
    [InlineData(0f)]
    [InlineData(-2f)]
    [InlineData(float.NaN)]
    [InlineData(Infinity)]
    public void Scale(float factor)
    {
        Check([Values, Values], (d, m) => d.Scale(factor, m[0], m[1], Values.Length, accumulate: false));
        Check([Values, Reversed], (d, m) => d.Scale(factor, m[0], m[1], Values.Length, accumulate: true));
    }

    [Fact]
    public void Clamp() => Check([Values], (d, m) => d.Clamp(m[0], -2f, 2f, Values.Length));

    [Fact]
    public void Dropout() => Check([Values, Values], (d, m) => d.Dropout(new RandomKey(5, 6, 7), 0.5f, m[0], m[1], Values.Length, accumulate: false));

    [Fact]
    public void Expand() => Check([Values, new float[3 * Values.Length]], (d, m) => d.Expand(new BroadcastLayout([3, Values.Length], firstIsKept: false), m[0], m[1], accumulate: false));

    [Fact]
    public void SumsOfRunsAndColumns()
    {
        // Each row of the table has one special value among ordinary ones; the last has both infinities.
        int columns = Values.Length;
        float[] table = [.. Enumerable.Range(0, columns * columns).Select(i => i % (columns + 1) == 0 ? Values[i / columns] : 1f)];
        table[^2] = Infinity;
        table[^1] = -Infinity;
        foreach (bool rows in (bool[])[true, false])
            Check([table, new float[columns]], (d, m) => d.Sum(new BroadcastLayout([columns, columns], rows), 1f, m[0], m[1], accumulate: false));
    }

    [Fact]
    public void SumOfSquares()
    {
        foreach (float value in Values)
        {
            float[] x = [1f, .. Enumerable.Repeat(0.5f, 50), value, .. Enumerable.Repeat(0.25f, 10)];
            foreach (CpuDevice device in KernelHarness.Processors.Select(processor => processor.Devices[0]))
            {
                MemoryBlock block = device.Rent(x.Length, ElementType.Float32);
                device.Upload(x, block);
                double expected = x.Sum(element => (double)element * element), actual = device.SumOfSquares(block, x.Length);
                Assert.True(expected.Equals(actual) || Math.Abs(actual - expected) <= 1e-12 * expected, $"{value} on {device}: {actual}, expected {expected}");
                device.Return(block);
            }
        }
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(10, 1)]
    [InlineData(40, 1)]
    [InlineData(5, 20)]
    public void Softmax(int axis, int inner)
    {
        // The rows: ordinary; with NaN; with ∞ (∞ − ∞ is NaN); with −∞, which has the probability 0; −∞ alone; the largest numbers.
        float[][] firstElements = [[1f, 2f], [float.NaN, 1f], [Infinity, 1f], [-Infinity, 1f], [-Infinity, -Infinity], [Largest, Largest], [-Largest, 0f], [Denormal, -0f]];
        foreach (float[] first in firstElements)
        {
            bool everywhere = first[0] == first[1] && float.IsNegativeInfinity(first[0]);
            float[] x = new float[axis * inner];
            for (int i = 0; i < x.Length; i++)
                x[i] = i / inner < 2 ? first[i / inner] : everywhere ? -Infinity : 0.5f;
            foreach (bool logarithm in (bool[])[false, true])
                Check([x, new float[x.Length]], (d, m) => d.Softmax(new AxisLayout(1, axis, inner), logarithm, m[0], m[1]));
        }
    }

    [Theory]
    [InlineData(10, 1)]
    [InlineData(40, 1)]
    [InlineData(5, 20)]
    public void CrossEntropy(int axis, int inner)
    {
        foreach (float value in (float[])[float.NaN, Infinity, -Infinity, Largest, -Largest])
        {
            // At the label and beside it.
            foreach (int label in (int[])[0, 1])
            {
                float[] logits = [.. Enumerable.Range(0, axis * inner).Select(i => i / inner == 0 ? value : 0.5f)];
                int[] labels = [.. Enumerable.Repeat(label, inner)];
                Check([logits, new float[inner], new float[logits.Length]], (d, m) =>
                {
                    MemoryBlock block = d.Rent(inner, ElementType.Int32);
                    d.Upload(labels, block);
                    d.CrossEntropy(new AxisLayout(1, axis, inner), m[0], block, new LossArguments(m[1], Reduction.None) { PredictionGradient = m[2] });
                    d.Return(block);
                });
            }
        }
    }

    [Theory]
    [InlineData("SquaredError")]
    [InlineData("AbsoluteError")]
    [InlineData("Huber")]
    [InlineData("BinaryCrossEntropyWithLogits")]
    public void PointwiseLosses(string name)
    {
        float[] targets = [.. Enumerable.Repeat(0.25f, Values.Length)];
        Check([Values, targets, Values, Values], (d, m) => d.PointwiseLoss(
            Enum.Parse<PointwiseLossKind>(name), m[0], m[1], Values.Length, 1, new LossArguments(m[2], Reduction.None) { Parameter = 1f, PredictionGradient = m[3] }));
    }

    [Fact]
    public void OptimizerSteps()
    {
        float[] weights = [.. Enumerable.Repeat(0.5f, Values.Length)], moments = [.. Enumerable.Repeat(0.25f, Values.Length)];
        Check([weights, Values, moments], (d, m) => d.SgdStep(new(0.1f, 0f, 0f, false, 0f, 1f, false), m[0], m[1], null, Values.Length));
        Check([weights, Values, moments], (d, m) => d.SgdStep(new(0.1f, 0.9f, 0f, false, 0f, 1f, false), m[0], m[1], m[2], Values.Length));

        // Squares of the largest numbers are infinite as floats and not for the judge.
        float[] gradients = [.. Values.Select(value => Math.Abs(value) == Largest ? 1e15f : value)];
        Check([weights, gradients, moments, moments], (d, m) => d.AdamStep(
            new(1e-3f, 0.9, 0.999, 1e-8f, 0f, false, 1f, 1, 1), m[0], m[1], m[2], m[3], null, Values.Length));
        Check([weights, gradients, moments], (d, m) => d.RmsPropStep(new(1e-3f, 0.9, 0f, 1e-8f, 0f, 1f), m[0], m[1], m[2], null, null, Values.Length));
    }

    [Fact]
    public void AnotherMeaningWouldBeSeen()
    {
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check([Values, Values], (d, m) => d.Scale(d is CpuDevice ? -1f : 1f, m[0], m[1], Values.Length, accumulate: false)));
        Assert.False(SameMeaning(double.NaN, 0f));
        Assert.False(SameMeaning(0, float.NaN));
        Assert.False(SameMeaning(double.PositiveInfinity, Largest));
        Assert.False(SameMeaning(double.PositiveInfinity, -Infinity));
    }

    private static void Check(float[][] blocks, Action<Device, MemoryBlock[]> call)
    {
        MemoryBlock[] Run(Device device)
        {
            MemoryBlock[] memory = [.. blocks.Select(block => device.Rent(block.Length, ElementType.Float32))];
            for (int i = 0; i < blocks.Length; i++)
                device.Upload(blocks[i], memory[i]);
            call(device, memory);
            return memory;
        }

        double[][] expected = [.. Run(ReferenceDevice.Instance).Select(ReferenceDevice.Values)];
        foreach (Device device in (Device[])[.. KernelHarness.Processors.Select(processor => processor.Devices[0]), GpuHarness.Simulated])
        {
            lock (device)
            {
                MemoryBlock[] memory = Run(device);
                for (int block = 0; block < blocks.Length; block++)
                {
                    var actual = new float[blocks[block].Length];
                    device.Download(memory[block], actual);
                    device.Return(memory[block]);
                    for (int i = 0; i < actual.Length; i++)
                        Assert.True(SameMeaning(expected[block][i], actual[i]), $"{device}, block {block}, element {i} (first operand {At(blocks[0], i)}): {actual[i]:g9}, expected {expected[block][i]:g12}");
                }
            }
        }
    }

    private static string At(float[] values, int i) => i < values.Length ? $"{values[i]:g9}" : "none";

    private static bool SameMeaning(double expected, float actual)
    {
        float rounded = (float)expected;
        return rounded.Equals(actual) || (float.IsFinite(rounded) && Math.Abs(actual - rounded) <= 2e-6 * Math.Abs(rounded) + 1e-37);
    }
}
