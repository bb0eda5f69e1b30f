using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Frames of zeros around images.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, FrameWalk, ArrayView<float>, ArrayView<float>, int>? _pad;
    private Action<AcceleratorStream, KernelConfig, FrameWalk, ArrayView<float>, ArrayView<float>, int, int>? _padBackward;

    internal override void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y) =>
        Kernel(ref _pad, FrameKernels.Pad)(
            _stream, GridFor(layout.OutputLength), new FrameWalk(layout, layout.OutputHeight, layout.OutputWidth), Floats(x), Floats(y), layout.OutputLength);

    internal override void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        int length = layout.Batch * layout.Height * layout.Width * layout.Channels;
        Kernel(ref _padBackward, FrameKernels.PadBackward)(
            _stream, GridFor(length), new FrameWalk(layout, layout.Height, layout.Width), Floats(gradOutput), Floats(gradInput), length, Flag(accumulate));
    }
}

/// <summary>Images and their frames as rows of numbers: the channels of a row's pixels are one run.</summary>
/// <param name="layout">The images and the frame.</param>
/// <param name="height">The rows that are walked over: those of the images or those with the frame.</param>
/// <param name="width">Likewise the pixels of a row.</param>
internal readonly struct FrameWalk(in PaddingLayout layout, int height, int width)
{
    public readonly Divisor Height = new(height), Run = new(width * layout.Channels);
    public readonly int InnerHeight = layout.Height, InnerRun = layout.Width * layout.Channels;
    public readonly int OuterHeight = layout.OutputHeight, OuterRun = layout.OutputWidth * layout.Channels;
    public readonly int Top = layout.Top, Left = layout.Left * layout.Channels;
}

/// <summary>What runs on the device.</summary>
internal static class FrameKernels
{
    [GpuKernel]
    public static void Pad(FrameWalk frame, ArrayView<float> x, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int example = frame.Height.Split(frame.Run.Split(i, out int place), out int row);
            row -= frame.Top;
            place -= frame.Left;
            bool isInside = row >= 0 && row < frame.InnerHeight && place >= 0 && place < frame.InnerRun;
            y[i] = isInside ? x[(example * frame.InnerHeight + row) * frame.InnerRun + place] : 0f;
        }
    }

    [GpuKernel]
    public static void PadBackward(FrameWalk frame, ArrayView<float> gradOutput, ArrayView<float> gradInput, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int example = frame.Height.Split(frame.Run.Split(i, out int place), out int row);
            float gradient = gradOutput[(example * frame.OuterHeight + row + frame.Top) * frame.OuterRun + place + frame.Left];
            gradInput[i] = accumulate != 0 ? gradInput[i] + gradient : gradient;
        }
    }
}
