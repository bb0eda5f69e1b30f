using System.Text.RegularExpressions;
using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Devices.Reference;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Backprop.Tests;

/// <summary>Products of 16-bit numbers: the kernel with an emulated multiplier, and the assembly with NVIDIA's.</summary>
public partial class GpuTensorCoreTests
{
    // The project's goal is 10⁻⁷.
    private const double Tolerance = 1e-12;

    private static Action<AcceleratorStream, KernelConfig, MatMulShape, TensorCorePasses, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _bfloat16, _float16;

    public static TheoryData<ElementType, ElementType, bool, bool> Products => new()
    {
        { ElementType.BFloat16, ElementType.BFloat16, false, false },
        { ElementType.BFloat16, ElementType.BFloat16, true, true },
        { ElementType.Float16, ElementType.Float16, false, true },
        { ElementType.Float16, ElementType.Float16, true, false },
        { ElementType.BFloat16, ElementType.Float32, true, false }, // gradients of weights
        { ElementType.Float32, ElementType.BFloat16, false, true }, // gradients of inputs
        { ElementType.Float16, ElementType.Float32, true, false },
        { ElementType.Float32, ElementType.Float16, false, true },
    };

    [Theory]
    [MemberData(nameof(Products))]
    public void AProductIsThatOfItsNumbers(ElementType formatA, ElementType formatB, bool transposeA, bool transposeB)
    {
        GpuDevice device = GpuHarness.SimulatedTuned;
        lock (device)
        {
            foreach ((int m, int n, int k, int layers) in ((int, int, int, int)[])[(37, 140, 40, 1), (132, 20, 70, 2), (1, 1, 3, 1)])
            {
                float[] a = Samples.Uniform(m * k, 1), b = Samples.Uniform(k * n, 2), bias = Samples.Uniform(n, 3), c = Samples.Uniform(m * n, 4);
                foreach (bool accumulate in (bool[])[false, true])
                {
                    double[] expected = Run(ReferenceDevice.Instance, accumulate);
                    double[] actual = Run(device, accumulate);
                    double error = KernelHarness.NormalizedMeanSquaredError(expected, [.. actual.Select(value => (float)value)]);
                    Assert.True(error <= Tolerance, $"{m} x {n} x {k}, {layers} layers, accumulate {accumulate}: error {error:g3}");
                }

                double[] Run(Device on, bool accumulate)
                {
                    MemoryBlock[] blocks = [Block(on, a, formatA), Block(on, b, formatB), Block(on, bias, ElementType.Float32), Block(on, c, ElementType.Float32)];
                    var arguments = new MatMulArguments(blocks[0], blocks[1], blocks[3], m, n, k)
                    {
                        TransposeA = transposeA,
                        TransposeB = transposeB,
                        FormatA = formatA,
                        FormatB = formatB,
                        Accumulate = accumulate,
                        Bias = accumulate ? null : blocks[2],
                        Activation = accumulate ? Activation.Identity : new Activation(layers == 1 ? ActivationKind.Tanh : ActivationKind.Relu),
                    };
                    MatMulPlan plan = MatMulPlan.InLayers(MatMulForm.TensorCores, k, layers);
                    if (on is not GpuDevice gpu)
                        on.MatMul(arguments);
                    else if (GpuHarness.IsReal && gpu.HasTensorCores)
                        gpu.MatMul(arguments, plan); // with the real multiplier
                    else if (GpuHarness.IsReal)
                        gpu.MatMul(arguments);
                    else if (formatA == ElementType.Float16 && formatB == ElementType.Float16)
                        gpu.MatMul<EmulatedTensorCore<EmulatedFloat16>>(arguments, plan, ref _float16);
                    else
                        gpu.MatMul<EmulatedTensorCore<EmulatedBFloat16>>(arguments, plan, ref _bfloat16);
                    var result = new float[m * n];
                    on.Download(blocks[3], result);
                    foreach (MemoryBlock block in blocks)
                        on.Return(block);
                    return [.. result.Select(value => (double)value)];
                }
            }
        }
    }

    [Fact]
    public void ThreePiecesAreTheNumber()
    {
        var random = new Random(3);
        for (int i = 0; i < 100_000; i++)
        {
            float value = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-90, 120))), half = (float)(System.Half)value;
            Assert.Equal(value, (double)Piece(value, 0) + Piece(value, 1) + Piece(value, 2));
            if (float.IsFinite(half))
                Assert.Equal(half, Piece(half, 0) + Piece(half, 1));
        }

        foreach (float value in (float[])[float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f])
            Assert.Equal([value, 0f, 0f], [Piece(value, 0), Piece(value, 1), Piece(value, 2)]);

        static float Piece(float value, int piece)
        {
            uint pair = TensorCorePasses.Pieces(value, -value, piece);
            float low = BitConverter.UInt32BitsToSingle(pair << 16), high = BitConverter.UInt32BitsToSingle(pair & 0xFFFF0000u);
            Assert.True(low == -high || float.IsNaN(low) && float.IsNaN(high));
            return low;
        }
    }

    [Fact]
    public void EveryWordOfFloat16IsFoundAgain()
    {
        for (uint word = 0; word <= ushort.MaxValue; word++)
            Assert.Equal(word, WordFormats.ExactFloat16(WordFormats.ToSingle(isBFloat16: 0, word)));
    }

    [Fact]
    public void TheyAreUsedWhereAFactorHasSixteenBitsAndTheProductIsLarge()
    {
        MatMulForm Form(ElementType a, ElementType b, int m, bool hasTensorCores) =>
            MatMulPlan.For(new MatMulArguments(null!, null!, null!, m, 512, 512) { FormatA = a, FormatB = b }, 132, hasTensorCores).Form;
        Assert.Equal(MatMulForm.TensorCores, Form(ElementType.BFloat16, ElementType.BFloat16, 512, true));
        Assert.Equal(MatMulForm.TensorCores, Form(ElementType.Float32, ElementType.Float16, 512, true));
        Assert.NotEqual(MatMulForm.TensorCores, Form(ElementType.Float32, ElementType.Float32, 512, true));
        Assert.NotEqual(MatMulForm.TensorCores, Form(ElementType.BFloat16, ElementType.BFloat16, 512, false));
        Assert.NotEqual(MatMulForm.TensorCores, Form(ElementType.BFloat16, ElementType.BFloat16, 2, true));
    }

    public static TheoryData<string> KernelsOnTensorCores => [.. PtxTests.Kernels.Select(PtxTests.NameOf).Where(name => name.Contains("TensorCore>", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(KernelsOnTensorCores))]
    public void TheLoopOfTheAssemblyMultipliesFromSharedMemory(string kernel)
    {
        string text = PtxTests.Compile(PtxTests.Kernels.Single(method => PtxTests.NameOf(method) == kernel), CudaArchitecture.SM_80);
        string format = kernel.Contains(nameof(BFloat16TensorCore), StringComparison.Ordinal) ? "bf16" : "f16";
        string instruction = $"mma.sync.aligned.m16n8k16.row.col.f32.{format}.{format}.f32";
        string loop = PtxText.Loops(text).Single(loop => loop.Contains("mma.sync", StringComparison.Ordinal));

        // Two depths of 16, 4 × 4 tiles each; six fragments of each depth, one read of 128 bits per fragment.
        Assert.Equal(32, Regex.Count(loop, Regex.Escape(instruction)));
        Assert.Equal(32, Regex.Count(text, "mma\\.sync"));
        Assert.Equal(12, Regex.Count(loop, @"ld\.shared\.v4"));
        Assert.Equal(4, Regex.Count(loop, @"st\.shared\.v4"));
        Assert.Single(Regex.Matches(loop, @"bar\.sync"));

        // The multiplier's own registers, which no other function would know: declared once, before all else, set to zero, each one read at the end.
        Assert.DoesNotContain(".func", text);
        Assert.Single(Regex.Matches(text, @"\.reg \.f32 acc<64>;"));
        Assert.True(text.IndexOf(".reg .f32 acc<64>;", StringComparison.Ordinal) < text.IndexOf("acc0", StringComparison.Ordinal));
        for (int i = 0; i < 64; i++)
        {
            Match start = Assert.Single(Regex.Matches(text, $@"mov\.f32 acc{i}, 0f00000000;")), end = Assert.Single(Regex.Matches(text, $@"mov\.f32\s+%f\d+, acc{i};"));
            Assert.True(start.Index < end.Index);
            Assert.DoesNotContain(start.Value, loop);
            Assert.DoesNotContain(end.Value, loop);
        }

        // Every tile adds to its own four sums, from its rows' and its columns' fragment, whose registers stand in the order of EmulatedTensorCore.
        string[][] fragments = [.. FragmentLoad().Matches(loop).Select(match => match.Groups[1].Value.Split(", "))];
        Match[] multiplications = Multiplication().Matches(loop).ToArray();
        Assert.Equal(32, multiplications.Length);
        for (int i = 0; i < multiplications.Length; i++)
        {
            int half = i / 16, rowTile = i % 16 / 4, columnTile = i % 4, first = i % 16 * 4;
            string[] a = fragments[6 * half + rowTile], b = fragments[6 * half + 4 + columnTile / 2];
            string sums = $"acc{first}, acc{first + 1}, acc{first + 2}, acc{first + 3}";
            Assert.Equal([sums, $"{a[0]}, {a[2]}, {a[1]}, {a[3]}", columnTile % 2 == 0 ? $"{b[0]}, {b[1]}" : $"{b[2]}, {b[3]}", sums], multiplications[i].Groups.Values.Skip(1).Select(group => group.Value));
        }
    }

    private static MemoryBlock Block(Device device, float[] values, ElementType format)
    {
        MemoryBlock block = device.Rent(values.Length, ElementType.Float32);
        device.Upload(values, block);
        if (format != ElementType.Float32)
            device.Round(format, block, block, values.Length);
        return block;
    }

    [GeneratedRegex(@"mma\.sync\.[\w.]+ \{\s*([^}]+)\}, \{\s*([^}]+)\}, \{\s*([^}]+)\}, \{\s*([^}]+)\};")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"ld\.shared\.v4\.\w+\s+\{([^}]+)\}")]
    private static partial Regex FragmentLoad();
}
