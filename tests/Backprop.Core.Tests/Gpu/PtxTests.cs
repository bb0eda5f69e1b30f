using System.Reflection;
using Backprop.Devices.Gpu;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Backprop.Tests;

/// <summary>
/// Every kernel compiled to the assembly of NVIDIA's devices, for which none need be there. What is found wrong here would be
/// found by the driver only on the user's machine.
/// </summary>
public class PtxTests
{
    public static TheoryData<string> KernelNames => [.. Kernels.Select(NameOf).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(KernelNames))]
    public void EveryKernelCompiles(string name)
    {
        MethodInfo kernel = Kernels.Single(method => NameOf(method) == name);
        foreach (CudaArchitecture architecture in (CudaArchitecture[])[CudaArchitecture.SM_80, CudaArchitecture.SM_90])
        {
            string text = Compile(kernel, architecture);
            Assert.Contains(".visible .entry", text);
            PtxText.Check(text);
            // Local memory is device memory: what a hot loop keeps there is a hundred times slower than a register.
            Assert.DoesNotContain(PtxText.Loops(text), loop => loop.Contains("ld.local", StringComparison.Ordinal) || loop.Contains("st.local", StringComparison.Ordinal));

            // ILGPU's analysis of which branches all threads take alike is wrong for what was chosen by other branches.
            Assert.DoesNotMatch(@"@!?%p\d+\s+bra\.uni", text);

            // Nothing that loses digits or takes denormals for zero.
            Assert.DoesNotMatch(@"\.(approx|ftz)\b", text);
            PtxText.CheckSharedMemory(text);

            // Double precision belongs to sums; elsewhere it has slipped in with a conversion, and most devices have next to none of it.
            if (FamiliesWithoutDoubles.Any(family => name.StartsWith(family, StringComparison.Ordinal)))
                Assert.DoesNotContain(".f64", text);
        }
    }

    private static readonly string[] FamiliesWithoutDoubles =
        ["ElementwiseKernels", "DropoutKernels", "MatMul", "Convolution", "OptimizerKernels", "PoolingKernels", "PermutationKernels", "ConversionKernels", "ChannelKernels", "EmbeddingKernels", "FrameKernels"];

    [Fact]
    public void KernelsAreFound() => Assert.Contains("ElementwiseKernels.Add", Kernels.Select(NameOf));

    /// <summary>Every kernel of the engine, each generic one with its type arguments.</summary>
    internal static IReadOnlyList<MethodInfo> Kernels { get; } =
    [
        .. from type in typeof(GpuDevice).Assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
           from attribute in method.GetCustomAttributes<GpuKernelAttribute>()
           select attribute.TypeArguments.Count == 0 ? method : method.MakeGenericMethod([.. attribute.TypeArguments]),
    ];

    /// <summary>The assembly of a kernel. Every one has a context of its own, because a kernel that fails spoils the next ones.</summary>
    internal static string Compile(MethodInfo kernel, CudaArchitecture architecture)
    {
        using Context context = Context.Create(builder => builder.Default().Optimize(GpuAccelerator.Optimization));
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_80, null!);
        var compiled = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty);
        return compiled.PTXAssembly;
    }

    internal static string NameOf(MethodInfo method) =>
        $"{method.DeclaringType!.Name}.{method.Name}{(method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(type => type.Name))}>" : "")}";
}
