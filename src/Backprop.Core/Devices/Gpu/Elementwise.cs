using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Sums, products and limits, element by element, and the activations. All of them run at the speed of memory.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, float, int>? _fill;
    private Action<AcceleratorStream, KernelConfig, int, float, ArrayView<float>, ArrayView<float>, int>? _activate;
    private Action<AcceleratorStream, KernelConfig, int, float, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>? _activateBackward;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _add;
    private Action<AcceleratorStream, KernelConfig, int, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _addActivated;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>? _multiply;
    private Action<AcceleratorStream, KernelConfig, float, ArrayView<float>, ArrayView<float>, int, int>? _scale;
    private Action<AcceleratorStream, KernelConfig, float, ArrayView<float>, ArrayView<float>, int>? _addSign;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, float, float, int>? _clamp;

    internal override void Fill(MemoryBlock destination, float value, int length) =>
        Kernel(ref _fill, ElementwiseKernels.Fill)(_stream, GridFor(length), Floats(destination), value, length);

    internal override void Activate(Activation activation, MemoryBlock x, MemoryBlock y, int length) =>
        Kernel(ref _activate, ElementwiseKernels.Activate)(
            _stream, GridFor(length), (int)activation.Kind, activation.Parameter, Floats(x), Floats(y), length);

    internal override void ActivateBackward(
        Activation activation, MemoryBlock? x, MemoryBlock? y, MemoryBlock gradOutput, MemoryBlock gradInput, int length, bool accumulate) =>
        Kernel(ref _activateBackward, ElementwiseKernels.ActivateBackward)(
            _stream, GridFor(length), (int)activation.Kind, activation.Parameter, Flag(activation.DerivativeFromOutput),
            Floats((activation.DerivativeFromOutput ? y : x)!), Floats(gradOutput), Floats(gradInput), length, Flag(accumulate));

    internal override void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) =>
        Kernel(ref _add, ElementwiseKernels.Add)(_stream, GridFor(length), Floats(a), Floats(b), Floats(y), length);

    internal override void AddActivated(Activation activation, MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) =>
        Kernel(ref _addActivated, ElementwiseKernels.AddActivated)(
            _stream, GridFor(length), (int)activation.Kind, activation.Parameter, Floats(a), Floats(b), Floats(y), length);

    internal override void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate) =>
        Kernel(ref _multiply, ElementwiseKernels.Multiply)(
            _stream, GridFor(length), Floats(a), Floats(b), Floats(y), length, Flag(accumulate));

    internal override void Scale(double factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate) =>
        Kernel(ref _scale, ElementwiseKernels.Scale)(
            _stream, GridFor(length), (float)factor, Floats(x), Floats(y), length, Flag(accumulate));

    internal override void AddSign(float factor, MemoryBlock x, MemoryBlock y, int length) =>
        Kernel(ref _addSign, ElementwiseKernels.AddSign)(_stream, GridFor(length), factor, Floats(x), Floats(y), length);

    internal override void Clamp(MemoryBlock x, float minimum, float maximum, int length) =>
        Kernel(ref _clamp, ElementwiseKernels.Clamp)(_stream, GridFor(length), Floats(x), minimum, maximum, length);
}

/// <summary>What runs on the device.</summary>
internal static class ElementwiseKernels
{
    [GpuKernel]
    public static void Fill(ArrayView<float> destination, float value, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            destination[i] = value;
    }

    [GpuKernel]
    public static void Activate(int kind, float parameter, ArrayView<float> x, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = ActivationFunctions.Forward(kind, parameter, x[i]);
    }

    [GpuKernel]
    public static void ActivateBackward(
        int kind, float parameter, int isFromOutput, ArrayView<float> given, ArrayView<float> gradOutput, ArrayView<float> gradInput, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float gradient = ActivationFunctions.Backward(kind, parameter, isFromOutput, given[i], gradOutput[i]);
            gradInput[i] = accumulate != 0 ? gradInput[i] + gradient : gradient;
        }
    }

    [GpuKernel]
    public static void Add(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = a[i] + b[i];
    }

    [GpuKernel]
    public static void AddActivated(int kind, float parameter, ArrayView<float> a, ArrayView<float> b, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = ActivationFunctions.Forward(kind, parameter, a[i] + b[i]);
    }

    [GpuKernel]
    public static void Multiply(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = accumulate != 0 ? y[i] + a[i] * b[i] : a[i] * b[i];
    }

    [GpuKernel]
    public static void Scale(float factor, ArrayView<float> x, ArrayView<float> y, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = accumulate != 0 ? y[i] + factor * x[i] : factor * x[i];
    }

    [GpuKernel]
    public static void AddSign(float factor, ArrayView<float> x, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] += x[i] < 0f ? -factor : x[i] == 0f ? 0f : factor;
    }

    [GpuKernel]
    public static void Clamp(ArrayView<float> x, float minimum, float maximum, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            x[i] = ScalarFunctions.Min(maximum, ScalarFunctions.Max(minimum, x[i]));
    }
}
