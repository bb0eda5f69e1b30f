using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Results too large for the caches are written past them: with the same bits, from first to last, and nothing behind.</summary>
public class StreamedKernelTests
{
    // Above the threshold of 8 Mi elements, with an end that fills no register.
    private const int Length = (8 << 20) + 1005, Guard = 40;

    [Fact]
    public void LargeResultsHaveTheBitsOfAnInPlaceCall()
    {
        float[] values = new float[Length + Guard];
        for (int i = 0; i < values.Length; i++)
            values[i] = (i * 2654435761u >> 8) * (2f / (1 << 24)) - 1f;
        foreach ((InstructionSet _, CpuDevice[] devices) in KernelHarness.Processors)
        {
            CpuDevice device = devices[1];
            MemoryBlock x = Block(device, values), z = Block(device, values[..Guard].Concat(values[..^Guard]).ToArray()), y = Block(device, values), inPlace = Block(device, values);
            var relu = new Activation(ActivationKind.Relu);
            Compare("Activate", () => device.Activate(relu, x, y, Length), () => device.Activate(relu, inPlace, inPlace, Length));
            Compare("ActivateBackward", () => device.ActivateBackward(relu, null, z, x, y, Length, accumulate: false), () => device.ActivateBackward(relu, null, z, inPlace, inPlace, Length, accumulate: false));
            Compare("Add", () => device.Add(x, z, y, Length), () => device.Add(inPlace, z, inPlace, Length));
            Compare("Multiply", () => device.Multiply(x, z, y, Length, accumulate: false), () => device.Multiply(inPlace, z, inPlace, Length, accumulate: false));
            Compare("Scale", () => device.Scale(0.3f, x, y, Length, accumulate: false), () => device.Scale(0.3f, inPlace, inPlace, Length, accumulate: false));
            foreach (MemoryBlock block in (MemoryBlock[])[x, y, z, inPlace])
                device.Return(block);
            device.ReleaseIdleMemory();

            void Compare(string kernel, Action streamed, Action ordinary)
            {
                device.Fill(y, float.NaN, Length);
                device.Upload(values, inPlace);
                streamed();
                ordinary();
                Assert.True(KernelHarness.SameBits(Read(device, y), Read(device, inPlace)), $"{kernel} on {device}");
            }
        }
    }

    private static MemoryBlock Block(CpuDevice device, float[] values)
    {
        MemoryBlock block = device.Rent(values.Length, ElementType.Float32);
        device.Upload(values, block);
        return block;
    }

    // With what stands behind the end.
    private static float[] Read(CpuDevice device, MemoryBlock block)
    {
        var values = new float[Length + Guard];
        device.Download(block, values);
        return values;
    }
}
