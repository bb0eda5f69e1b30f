using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Dropout. The mask is never stored: backward draws the same random numbers again.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate)
    {
        if (accumulate)
            ForEachRange(new DropoutKernel<Accumulate>(key, rate, Pointer(x), Pointer(y)), length, 1);
        else
            ForEachRange(new DropoutKernel<Overwrite>(key, rate, Pointer(x), Pointer(y)), length, 1);
    }

    // Chunks begin at multiples of 64 elements, hence at whole blocks of four random words.
    private readonly struct DropoutKernel<TOutput>(RandomKey key, float rate, float* x, float* y) : IRangeKernel
        where TOutput : IOutput
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int batch = PhiloxLanes.BatchSize<TSimd>();
            float* uniforms = stackalloc float[32];
            ulong* roundKeys = stackalloc ulong[PhiloxLanes.RoundKeyCount];
            PhiloxLanes.RoundKeys(key.Seed, roundKeys);
            var mask = new MaskKernel(rate, 1f / (1f - rate), uniforms, x, y);
            nint i = start;
            for (; i <= end - batch; i += batch)
            {
                PhiloxLanes.Fill<TSimd>(key, roundKeys, (uint)(i >> 2), uniforms);
                for (nint j = 0; j < batch; j += TSimd.Width)
                    mask.Apply<TSimd, AllLanes>(i, j, TSimd.Width);
            }

            if (i < end)
            {
                PhiloxLanes.Fill<TSimd>(key, roundKeys, (uint)(i >> 2), uniforms);
                for (nint j = 0; j < end - i; j += TSimd.Width)
                    mask.Apply<TSimd, FirstLanes>(i, j, (int)Math.Min(end - i - j, TSimd.Width));
            }
        }

        private readonly struct MaskKernel(float rate, float scale, float* uniforms, float* x, float* y)
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public void Apply<TSimd, TLanes>(nint i, nint j, int count)
                where TSimd : unmanaged, ISimd<TSimd>
                where TLanes : ILanes
            {
                TSimd isKept = TSimd.LessThanOrEqual(TSimd.Create(rate), TSimd.Load(uniforms + j));
                TSimd scaled = TSimd.Create(scale) * TLanes.Load<TSimd>(x + i + j, count);
                TOutput.Write<TSimd, TLanes>(isKept & scaled, y + i + j, count);
            }
        }
    }
}
