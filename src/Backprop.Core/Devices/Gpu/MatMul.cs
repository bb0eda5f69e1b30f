using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>The matrix product.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, MatMulShape, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _matMul;

    internal override void MatMul(in MatMulArguments arguments)
    {
        if (arguments.M == 0 || arguments.N == 0)
            return;
        Kernel(ref _matMul, MatMulKernels.Multiply)(
            _stream, GridFor(arguments.M * arguments.N), MatMulShape.Of(arguments),
            Floats(arguments.A), Floats(arguments.B), FloatsOr(arguments.Bias, arguments.A), Floats(arguments.C));
    }
}
