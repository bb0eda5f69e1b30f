using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Dropout. The mask is never stored: backward draws the same random numbers again, which are those of every device.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, RandomKey, float, float, ArrayView<float>, ArrayView<float>, int, int>? _dropout;

    internal override void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate) =>
        Kernel(ref _dropout, DropoutKernels.Dropout)(
            _stream, GridFor((int)(((long)length + 3) / 4)), key, rate, 1f / (1f - rate), Floats(x), Floats(y), length, Flag(accumulate));
}

/// <summary>What runs on the device.</summary>
internal static class DropoutKernels
{
    // A thread takes the four elements whose numbers are drawn together.
    [GpuKernel]
    public static void Dropout(RandomKey key, float rate, float scale, ArrayView<float> x, ArrayView<float> y, int length, int accumulate)
    {
        for (int block = GridStride.First; block < (length + 3) >> 2; block += GridStride.Step)
        {
            (uint word0, uint word1, uint word2, uint word3) = Philox.Block(key, (uint)block);
            int i = block << 2;
            Keep(word0, rate, scale, x, y, i, accumulate);
            if (i + 1 < length)
                Keep(word1, rate, scale, x, y, i + 1, accumulate);
            if (i + 2 < length)
                Keep(word2, rate, scale, x, y, i + 2, accumulate);
            if (i + 3 < length)
                Keep(word3, rate, scale, x, y, i + 3, accumulate);
        }
    }

    private static void Keep(uint word, float rate, float scale, ArrayView<float> x, ArrayView<float> y, int i, int accumulate)
    {
        float value = Philox.ToUniform(word) < rate ? 0f : scale * x[i];
        y[i] = accumulate != 0 ? y[i] + value : value;
    }
}
