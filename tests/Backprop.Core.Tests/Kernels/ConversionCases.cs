using System.Runtime.InteropServices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Rounding to 16-bit formats and conversion from and to them.</summary>
internal static class ConversionCases
{
    public static IEnumerable<KernelCase> Round(ElementType format)
    {
        foreach ((string name, float[] x) in Inputs())
        {
            yield return new KernelCase($"{name}", [KernelBlock.Source(x), KernelBlock.Destination(x.Length)], (d, b) => d.Round(format, b[0], b[1], x.Length), tolerance: 0);
            yield return new KernelCase($"{name}, in place", [KernelBlock.Both(x)], (d, b) => d.Round(format, b[0], b[0], x.Length), tolerance: 0);
        }
    }

    public static IEnumerable<KernelCase> NarrowAndWiden(ElementType format)
    {
        foreach ((string name, float[] x) in Inputs())
        {
            yield return new KernelCase(name, [KernelBlock.Source(x), KernelBlock.Destination(x.Length)], (device, b) =>
            {
                MemoryBlock words = device.Rent(x.Length + 2, format);
                device.Narrow(format, b[0], words, x.Length);
                device.Widen(format, words, b[1], x.Length);
                device.Return(words);
            }, tolerance: 0);
        }
    }

    /// <summary>Every word there is, between words that must stay: exactly what System.Half, or the upper half of a float, is.</summary>
    public static void CheckEveryWord(ElementType format)
    {
        foreach ((InstructionSet _, CpuDevice[] devices) in KernelHarness.Processors)
            CheckEveryWord(devices[0], format);
    }

    /// <summary>The same on one device.</summary>
    public static void CheckEveryWord(Device device, ElementType format)
    {
        const int Count = 1 << 16;
        ushort[] words = [.. Enumerable.Range(0, Count).Select(word => (ushort)word)];
        MemoryBlock source = device.Rent(Count, format), values = device.Rent(Count, ElementType.Float32), back = device.Rent(Count, format);
        device.Upload(MemoryMarshal.Cast<ushort, float>(words), source);
        device.Widen(format, source, values, Count);
        var numbers = new float[Count];
        device.Download(values, numbers);
        for (int i = 0; i < Count; i++)
        {
            float expected = format == ElementType.BFloat16 ? BitConverter.Int32BitsToSingle(i << 16) : (float)BitConverter.UInt16BitsToHalf((ushort)i);
            Assert.True(float.IsNaN(expected) ? float.IsNaN(numbers[i]) : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(numbers[i]), $"{device}: word {i:x4} is {numbers[i]}, expected {expected}");
        }

        // Odd lengths: the words behind the end stay as they are.
        foreach (int length in new[] { 0, 1, 3, 7, 15, 17, 33, Count - 1, Count })
        {
            var written = new ushort[Count];
            Array.Fill(written, (ushort)0x1234);
            device.Upload(MemoryMarshal.Cast<ushort, float>(written), back);
            device.Narrow(format, values, back, length);
            device.Download(back, MemoryMarshal.Cast<ushort, float>(written.AsSpan()));
            for (int i = 0; i < Count; i++)
                Assert.True(i >= length ? written[i] == 0x1234 : written[i] == words[i] || float.IsNaN(numbers[i]), $"{device}, {length} words: word {i:x4} became {written[i]:x4}");
        }

        foreach (MemoryBlock block in new[] { source, values, back })
            device.Return(block);
    }

    private static IEnumerable<(string Name, float[] Values)> Inputs()
    {
        foreach (int length in ElementwiseCases.Lengths)
            yield return ($"{length}", Samples.Uniform(length, length + 1));

        // Of every size there is; then beside the points where rounding turns, and what is not finite.
        var random = new Random(5);
        float[] anything = [.. Enumerable.Range(0, 50_000).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];
        yield return ("any bits", anything);
        yield return ("as small and large as float16", [.. Enumerable.Range(0, 20_000).Select(i => (float)((i % 2 * 2 - 1) * Math.Pow(2, random.NextDouble() * 44 - 27)))]);
        var turning = new List<float>();
        foreach (float value in new[] { 1f, 1.0078125f, 1.0009765625f, 3.4e38f, float.MaxValue, 65504f, 65520f, 65536f, 6.1035156e-05f, 5.9604645e-08f, 2.9802322e-08f, 1e-40f, 1.1754944e-38f, float.Epsilon })
            foreach (int half in new[] { 0, 1 << 12, 1 << 15, 3 << 12, 3 << 15 })
                foreach (int beside in new[] { -1, 0, 1 })
                    foreach (int sign in new[] { 0, int.MinValue })
                        turning.Add(BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(value) + half + beside) | sign));
        yield return ("ties", [.. turning]);
        yield return ("special", [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, BitConverter.Int32BitsToSingle(0x7F800001), BitConverter.Int32BitsToSingle(-1), 65519.996f, -65520f]);
    }
}
