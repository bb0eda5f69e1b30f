using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The addition at the end of a residual block, with its activation.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void AddActivated(Activation activation, MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) =>
        Choose(new AddActivatedPass(this, Pointer(a), Pointer(b), Pointer(y), length, activation.Parameter), activation);

    private readonly struct AddActivatedPass(CpuDevice device, float* a, float* b, float* y, int length, float parameter) : IActivationPass
    {
        public void Run<TFunction>()
            where TFunction : IActivationFunction =>
            device.ForEachElement(new AddActivatedKernel<TFunction>(a, b, y, parameter), length);
    }

    private readonly struct AddActivatedKernel<TFunction>(float* a, float* b, float* y, float parameter) : IElementwiseKernel
        where TFunction : IActivationFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TFunction.Forward(TLanes.Load<TSimd>(a + i, count) + TLanes.Load<TSimd>(b + i, count), TSimd.Create(parameter)), y + i, count);
    }
}
