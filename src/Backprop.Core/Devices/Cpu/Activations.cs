using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The activation kernels: which function runs in which loop. The functions stand in <see cref="IActivationFunction"/>.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Activate(Activation activation, MemoryBlock x, MemoryBlock y, int length) =>
        Choose(new ForwardPass(this, Pointer(x), Pointer(y), length, activation.Parameter), activation);

    internal override void ActivateBackward(
        Activation activation, MemoryBlock? x, MemoryBlock? y, MemoryBlock gradOutput, MemoryBlock gradInput, int length, bool accumulate)
    {
        MemoryBlock? source = activation.DerivativeFromOutput ? y : x;
        Choose(
            new BackwardPass(
                this, source is null ? null : Pointer(source), Pointer(gradOutput), Pointer(gradInput), length, activation.Parameter, accumulate),
            activation);
    }

    /// <summary>
    /// Applies an activation in place to a run of floats on the calling thread: the end of a matrix product's row.
    /// </summary>
    internal void ActivateInPlace(Activation activation, float* data, int length)
    {
        if (activation.Kind != ActivationKind.Identity)
            Choose(new InPlacePass(InstructionSet, data, length, activation.Parameter), activation);
    }

    private static void Choose<TPass>(in TPass pass, Activation activation)
        where TPass : struct, IActivationPass
    {
        switch (activation.Kind)
        {
            case ActivationKind.Relu:
                pass.Run<Relu>();
                break;
            case ActivationKind.LeakyRelu:
                pass.Run<LeakyRelu>();
                break;
            case ActivationKind.Elu when activation.DerivativeFromOutput:
                pass.Run<Elu>();
                break;
            case ActivationKind.Elu:
                pass.Run<EluOfAnySign>();
                break;
            case ActivationKind.Selu:
                pass.Run<Selu>();
                break;
            case ActivationKind.Gelu:
                pass.Run<Gelu>();
                break;
            case ActivationKind.GeluTanh:
                pass.Run<GeluTanh>();
                break;
            case ActivationKind.Silu:
                pass.Run<Silu>();
                break;
            case ActivationKind.Sigmoid:
                pass.Run<Sigmoid>();
                break;
            case ActivationKind.Tanh:
                pass.Run<Tanh>();
                break;
            case ActivationKind.Softplus:
                pass.Run<Softplus>();
                break;
            case ActivationKind.HardSwish:
                pass.Run<HardSwish>();
                break;
            case ActivationKind.Mish:
                pass.Run<Mish>();
                break;
            default:
                pass.Run<Identity>();
                break;
        }
    }

    /// <summary>What is to be done with the activation function once its type is known.</summary>
    private interface IActivationPass
    {
        public void Run<TFunction>()
            where TFunction : IActivationFunction;
    }

    private readonly struct ForwardPass(CpuDevice device, float* x, float* y, int length, float parameter) : IActivationPass
    {
        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachElement(new ActivationKernel<TFunction>(x, y, parameter), length, isRead: y == x);
    }

    private readonly struct BackwardPass(
        CpuDevice device, float* source, float* gradOutput, float* gradInput, int length, float parameter, bool accumulate) : IActivationPass
    {
        public void Run<TFunction>()
            where TFunction : IActivationFunction
        {
            // The identity needs neither x nor y; any readable memory stands in.
            float* read = source == null ? gradOutput : source;
            if (accumulate)
                device.ForEachElement(new ActivationBackwardKernel<TFunction, Accumulate>(read, gradOutput, gradInput, parameter), length);
            else
                device.ForEachElement(
                    new ActivationBackwardKernel<TFunction, Overwrite>(read, gradOutput, gradInput, parameter), length,
                    isRead: gradInput == read || gradInput == gradOutput);
        }
    }

    private readonly struct InPlacePass(InstructionSet instructionSet, float* data, int length, float parameter) : IActivationPass
    {
        public void Run<TFunction>()
            where TFunction : IActivationFunction
        {
            var kernel = new ActivationKernel<TFunction>(data, data, parameter);
            switch (instructionSet)
            {
                case InstructionSet.Vector512:
                    ElementwiseRange<ActivationKernel<TFunction>>.Apply<Simd512>(kernel, 0, length);
                    break;
                case InstructionSet.Vector256:
                    ElementwiseRange<ActivationKernel<TFunction>>.Apply<Simd256>(kernel, 0, length);
                    break;
                case InstructionSet.Vector128:
                    ElementwiseRange<ActivationKernel<TFunction>>.Apply<Simd128>(kernel, 0, length);
                    break;
                default:
                    ElementwiseRange<ActivationKernel<TFunction>>.Apply<SimdScalar>(kernel, 0, length);
                    break;
            }
        }
    }

    private readonly struct ActivationKernel<TFunction>(float* x, float* y, float parameter) : IElementwiseKernel
        where TFunction : IActivationFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TFunction.Forward(TLanes.Load<TSimd>(x + i, count), TSimd.Create(parameter)), y + i, count);
    }

    private readonly struct ActivationBackwardKernel<TFunction, TOutput>(float* source, float* gradOutput, float* gradInput, float parameter)
        : IElementwiseKernel
        where TFunction : IActivationFunction
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd gradient = TLanes.Load<TSimd>(gradOutput + i, count);
            TSimd result = TFunction.Backward(TLanes.Load<TSimd>(source + i, count), gradient, TSimd.Create(parameter));
            TOutput.Write<TSimd, TLanes>(result, gradInput + i, count);
        }
    }
}
