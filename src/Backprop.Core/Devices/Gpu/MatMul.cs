using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using MatMulLauncher = System.Action<
    ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, Backprop.Devices.Gpu.MatMulShape,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;
using TensorCoreLauncher = System.Action<
    ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, Backprop.Devices.Gpu.MatMulShape, Backprop.Devices.Gpu.TensorCorePasses,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;

namespace Backprop.Devices.Gpu;

/// <summary>The matrix product: chooses the kernel and launches it.</summary>
internal sealed partial class GpuDevice
{
    private MatMulLauncher? _matMul, _matMulFewRows, _matMulSmallTiles, _matMulLargeTiles;
    private TensorCoreLauncher? _matMulBFloat16, _matMulFloat16;
    private Action<AcceleratorStream, KernelConfig, MatMulShape, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _matMulAddLayers;

    /// <summary>Whether the device multiplies 16-bit numbers: NVIDIA's from compute capability 8.0 on.</summary>
    private bool HasTensorCores => _gpu.Accelerator is CudaAccelerator { WarpSize: TensorCoreLayout.Lanes } cuda && cuda.Architecture >= CudaArchitecture.SM_80;

    internal override void MatMul(in MatMulArguments arguments)
    {
        if (arguments.M == 0 || arguments.N == 0)
            return;
        MatMul(arguments, UsesTunedKernels
            ? MatMulPlan.For(arguments, _gpu.Accelerator.NumMultiprocessors, HasTensorCores)
            : new MatMulPlan(MatMulForm.Plain, 1, Math.Max(arguments.K, 1)));
    }

    /// <summary>The product as a plan has it.</summary>
    internal void MatMul(in MatMulArguments arguments, in MatMulPlan plan)
    {
        // What has several pieces is taken apart into BFloat16.
        if (plan.Form == MatMulForm.TensorCores && arguments is { FormatA: ElementType.Float16, FormatB: ElementType.Float16 })
            MatMul<Float16TensorCore>(arguments, plan, ref _matMulFloat16);
        else
            MatMul<BFloat16TensorCore>(arguments, plan, ref _matMulBFloat16);
    }

    /// <summary>The product as a plan has it, with a given multiplier where the plan wants one.</summary>
    internal void MatMul<TCore>(in MatMulArguments arguments, in MatMulPlan plan, ref TensorCoreLauncher? tensorCores)
        where TCore : struct, ITensorCore
    {
        MatMulShape shape = MatMulShape.Of(arguments) with { DepthOfLayer = plan.DepthOfLayer };
        if (plan.Layers == 1)
        {
            Launch<TCore>(arguments, plan, shape, arguments.C, ref tensorCores);
            return;
        }

        // The stream's order keeps the sums until the second kernel has read them.
        GpuBlock sums = _buffers.Rent((long)plan.Layers * arguments.M * arguments.N);
        Launch<TCore>(arguments, plan, shape.Divided(plan.DepthOfLayer), sums, ref tensorCores);
        Kernel(ref _matMulAddLayers, MatMulKernels.AddLayers)(
            _stream, GridFor(arguments.M * arguments.N), shape, plan.Layers, sums.Floats, FloatsOr(arguments.Bias, arguments.A), Floats(arguments.C));
        _buffers.Return(sums);
    }

    private void Launch<TCore>(in MatMulArguments arguments, in MatMulPlan plan, in MatMulShape shape, MemoryBlock c, ref TensorCoreLauncher? tensorCores)
        where TCore : struct, ITensorCore
    {
        (int rows, int columns) = MatMulPlan.Tiles(plan.Form, arguments.M, arguments.N);
        KernelConfig grid = plan.Form == MatMulForm.Plain
            ? GridFor(arguments.M * arguments.N)
            : new KernelConfig(new Index3D(rows, columns, plan.Layers), new Index3D(MatMulTileKernels.Threads, 1, 1));
        (ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias) = (Floats(arguments.A), Floats(arguments.B), FloatsOr(arguments.Bias, arguments.A));
        if (plan.Form == MatMulForm.TensorCores)
        {
            Kernel(ref tensorCores, MatMulTensorCoreKernel.Multiply<TCore>)(_stream, grid, shape, TensorCorePasses.For(arguments), a, b, bias, Floats(c));
            return;
        }

        MatMulLauncher launcher = plan.Form switch
        {
            MatMulForm.FewRows => Kernel(ref _matMulFewRows, MatMulFewRowsKernel.Multiply),
            MatMulForm.SmallTiles => Kernel(ref _matMulSmallTiles, MatMulTileKernels.MultiplySmall),
            MatMulForm.LargeTiles => Kernel(ref _matMulLargeTiles, MatMulTileKernels.MultiplyLarge),
            _ => Kernel(ref _matMul, MatMulKernels.Multiply),
        };
        launcher(_stream, grid, shape, a, b, bias, Floats(c));
    }
}
