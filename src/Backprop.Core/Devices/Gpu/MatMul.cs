using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;
using MatMulLauncher = System.Action<
    ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, Backprop.Devices.Gpu.MatMulShape,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;

namespace Backprop.Devices.Gpu;

/// <summary>The matrix product: chooses the kernel and launches it.</summary>
internal sealed partial class GpuDevice
{
    private MatMulLauncher? _matMul, _matMulFewRows, _matMulSmallTiles, _matMulLargeTiles;
    private Action<AcceleratorStream, KernelConfig, MatMulShape, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _matMulAddLayers;

    internal override void MatMul(in MatMulArguments arguments)
    {
        if (arguments.M == 0 || arguments.N == 0)
            return;
        MatMul(arguments, UsesTunedKernels ? MatMulPlan.For(arguments, _gpu.Accelerator.NumMultiprocessors) : new MatMulPlan(MatMulForm.Plain, 1, Math.Max(arguments.K, 1)));
    }

    /// <summary>The product as a plan has it.</summary>
    internal void MatMul(in MatMulArguments arguments, in MatMulPlan plan)
    {
        MatMulShape shape = MatMulShape.Of(arguments) with { DepthOfLayer = plan.DepthOfLayer };
        if (plan.Layers == 1)
        {
            Launch(arguments, plan, shape, arguments.C);
            return;
        }

        // The stream's order keeps the sums until the second kernel has read them.
        GpuBlock sums = _buffers.Rent((long)plan.Layers * arguments.M * arguments.N);
        Launch(arguments, plan, shape.Divided(plan.DepthOfLayer), sums);
        Kernel(ref _matMulAddLayers, MatMulKernels.AddLayers)(
            _stream, GridFor(arguments.M * arguments.N), shape, plan.Layers, sums.Floats, FloatsOr(arguments.Bias, arguments.A), Floats(arguments.C));
        _buffers.Return(sums);
    }

    private void Launch(in MatMulArguments arguments, in MatMulPlan plan, in MatMulShape shape, MemoryBlock c)
    {
        (int rows, int columns) = MatMulPlan.Tiles(plan.Form, arguments.M, arguments.N);
        KernelConfig grid = plan.Form == MatMulForm.Plain
            ? GridFor(arguments.M * arguments.N)
            : new KernelConfig(new Index3D(rows, columns, plan.Layers), new Index3D(MatMulTileKernels.Threads, 1, 1));
        MatMulLauncher launcher = plan.Form switch
        {
            MatMulForm.FewRows => Kernel(ref _matMulFewRows, MatMulFewRowsKernel.Multiply),
            MatMulForm.SmallTiles => Kernel(ref _matMulSmallTiles, MatMulTileKernels.MultiplySmall),
            MatMulForm.LargeTiles => Kernel(ref _matMulLargeTiles, MatMulTileKernels.MultiplyLarge),
            _ => Kernel(ref _matMul, MatMulKernels.Multiply),
        };
        launcher(_stream, grid, shape, Floats(arguments.A), Floats(arguments.B), FloatsOr(arguments.Bias, arguments.A), Floats(c));
    }
}
