using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the element-wise kernels.</summary>
internal static class ElementwiseCases
{
    /// <summary>At and around the vector widths, and long enough to be split among threads (four chunks of 16,384 elements).</summary>
    public static readonly int[] Lengths = [0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 1000, 70_003];

    private static readonly bool[] FalseAndTrue = [false, true];

    public static IEnumerable<KernelCase> Activate(ActivationKind kind)
    {
        foreach (Activation activation in WithParameters(kind))
        {
            foreach (int length in Lengths)
            {
                foreach (double range in Ranges(length))
                {
                    float[] x = Samples.Uniform(length, length + 1, -range, range);
                    yield return new KernelCase($"{activation} ±{range}, {length}", [KernelBlock.Source(x), KernelBlock.Destination(length)], (d, b) => d.Activate(activation, b[0], b[1], length), KernelHarness.Exponential);
                    yield return new KernelCase($"{activation} ±{range}, {length}, in place", [KernelBlock.Both(x)], (d, b) => d.Activate(activation, b[0], b[0], length), KernelHarness.Exponential);
                }
            }

            float[] special = [0f, -0f, float.NaN, 1e-30f, -1e-30f, 1e-6f, -1e-6f, 3f, -3f, 20f, 20.0001f, 87f, -87f, 89f, -89f, 104f, -104f, 1e4f, -1e4f, 1e18f];
            foreach (float value in special)
                yield return new KernelCase($"{activation} of {value}", [KernelBlock.Source([value, value, value]), KernelBlock.Destination(3)], (d, b) => d.Activate(activation, b[0], b[1], 3), KernelHarness.Exponential);
        }
    }

    public static IEnumerable<KernelCase> ActivateBackward(ActivationKind kind)
    {
        foreach (Activation activation in WithParameters(kind))
        {
            foreach (int length in Lengths)
            {
                foreach (double range in Ranges(length))
                {
                    float[] x = Samples.Uniform(length, length + 1, -range, range, 0, 3, -3, 20), g = Samples.Uniform(length, length + 2);
                    float[] y = [.. x.Select(value => (float)Devices.Reference.ActivationFormulas.Value(activation, value))];
                    bool fromOutput = activation.DerivativeFromOutput;
                    KernelBlock given = KernelBlock.Source(fromOutput ? y : x);
                    foreach (bool accumulate in FalseAndTrue)
                    {
                        yield return new KernelCase(
                            $"{activation} ±{range}, {length}, accumulate {accumulate}", [given, KernelBlock.Source(g), KernelBlock.Result(length, accumulate, 9)],
                            (d, b) => d.ActivateBackward(activation, fromOutput ? null : b[0], fromOutput ? b[0] : null, b[1], b[2], length, accumulate), KernelHarness.Exponential);
                    }

                    yield return new KernelCase(
                        $"{activation} ±{range}, {length}, in place", [given, KernelBlock.Both(g)],
                        (d, b) => d.ActivateBackward(activation, fromOutput ? null : b[0], fromOutput ? b[0] : null, b[1], b[1], length, accumulate: false), KernelHarness.Exponential);
                }
            }

            if (activation.DerivativeFromOutput)
                continue;
            foreach (float value in (float[])[0f, float.NaN, 1e-6f, -1e-6f, 3f, -3f, 20f, 20.0001f, 87f, -87f, 104f, -104f, 1e4f, -1e4f])
                yield return new KernelCase($"{activation}' at {value}", [KernelBlock.Source([value, value]), KernelBlock.Source([1f, 2f]), KernelBlock.Destination(2)], (d, b) => d.ActivateBackward(activation, b[0], null, b[1], b[2], 2, accumulate: false), KernelHarness.Exponential);
        }
    }

    public static IEnumerable<KernelCase> Add()
    {
        foreach (int length in Lengths)
        {
            float[] a = Samples.Uniform(length, 1), b = Samples.Uniform(length, 2);
            yield return new KernelCase($"{length}", [KernelBlock.Source(a), KernelBlock.Source(b), KernelBlock.Destination(length)], (d, m) => d.Add(m[0], m[1], m[2], length));
            yield return new KernelCase($"{length}, y is a", [KernelBlock.Both(a), KernelBlock.Source(b)], (d, m) => d.Add(m[0], m[1], m[0], length));
            yield return new KernelCase($"{length}, y is b", [KernelBlock.Source(a), KernelBlock.Both(b)], (d, m) => d.Add(m[0], m[1], m[1], length));
            yield return new KernelCase($"{length}, all the same", [KernelBlock.Both(a)], (d, m) => d.Add(m[0], m[0], m[0], length));
        }
    }

    public static IEnumerable<KernelCase> Multiply()
    {
        foreach (int length in Lengths)
        {
            float[] a = Samples.Uniform(length, 1), b = Samples.Uniform(length, 2);
            foreach (bool accumulate in FalseAndTrue)
                yield return new KernelCase($"{length}, accumulate {accumulate}", [KernelBlock.Source(a), KernelBlock.Source(b), KernelBlock.Result(length, accumulate, 3)], (d, m) => d.Multiply(m[0], m[1], m[2], length, accumulate));
            yield return new KernelCase($"{length}, y is a", [KernelBlock.Both(a), KernelBlock.Source(b)], (d, m) => d.Multiply(m[0], m[1], m[0], length, accumulate: false));
            yield return new KernelCase($"{length}, y is b", [KernelBlock.Source(a), KernelBlock.Both(b)], (d, m) => d.Multiply(m[0], m[1], m[1], length, accumulate: false));
            yield return new KernelCase($"{length}, square", [KernelBlock.Source(a), KernelBlock.Destination(length)], (d, m) => d.Multiply(m[0], m[0], m[1], length, accumulate: false));
        }
    }

    public static IEnumerable<KernelCase> Scale()
    {
        foreach (int length in Lengths)
        {
            float[] x = Samples.Uniform(length, 1);
            foreach (float factor in length > 1000 ? [-0.3f] : (float[])[0f, 1f, -0.3f, 1e20f])
            {
                foreach (bool accumulate in FalseAndTrue)
                    yield return new KernelCase($"{length} times {factor}, accumulate {accumulate}", [KernelBlock.Source(x), KernelBlock.Result(length, accumulate, 3)], (d, m) => d.Scale(factor, m[0], m[1], length, accumulate));
                yield return new KernelCase($"{length} times {factor}, in place", [KernelBlock.Both(x)], (d, m) => d.Scale(factor, m[0], m[0], length, accumulate: false));
            }
        }
    }

    public static IEnumerable<KernelCase> AddSign()
    {
        foreach (int length in Lengths)
        {
            float[] x = Samples.Uniform(length, 1);
            for (int i = 0; i < length; i += 3)
                x[i] = i % 2 == 0 ? 0f : -0f;
            foreach (float factor in (float[])[0.25f, -3f])
                yield return new KernelCase($"{length}, {factor}", [KernelBlock.Source(x), KernelBlock.Both(Samples.Uniform(length, 2))], (d, m) => d.AddSign(factor, m[0], m[1], length));
        }
    }

    public static IEnumerable<KernelCase> Clamp()
    {
        foreach (int length in Lengths)
            yield return new KernelCase($"{length}", [KernelBlock.Both(Samples.Uniform(length, 1))], (d, m) => d.Clamp(m[0], -0.5f, 1.25f, length));
        yield return new KernelCase("NaN stays", [KernelBlock.Both([float.NaN, 1f, float.PositiveInfinity, float.NegativeInfinity])], (d, m) => d.Clamp(m[0], -2f, 2f, 4));
    }

    public static IEnumerable<KernelCase> Dropout()
    {
        foreach (int length in Lengths)
        {
            float[] x = Samples.Uniform(length, 1);
            foreach (float rate in length > 1000 ? [0.4f] : (float[])[0f, 0.1f, 0.5f, 0.9f])
            {
                var key = new RandomKey(123456789012345ul, (uint)length, 77);
                foreach (bool accumulate in FalseAndTrue)
                    yield return new KernelCase($"{length}, rate {rate}, accumulate {accumulate}", [KernelBlock.Source(x), KernelBlock.Result(length, accumulate, 3)], (d, m) => d.Dropout(key, rate, m[0], m[1], length, accumulate));
                yield return new KernelCase($"{length}, rate {rate}, in place", [KernelBlock.Both(x)], (d, m) => d.Dropout(key, rate, m[0], m[0], length, accumulate: false));
            }
        }
    }

    public static IEnumerable<KernelCase> Fill()
    {
        foreach (int length in Lengths)
            yield return new KernelCase($"fill {length}", [KernelBlock.Destination(length)], (d, m) => d.Fill(m[0], 1.5f, length));
    }

    /// <summary>Narrow and wide ones; a long call is there for the threads, which one range tests as well as four.</summary>
    private static double[] Ranges(int length) => length > 1000 ? [4] : [0.1, 3, 30, 200];

    private static Activation[] WithParameters(ActivationKind kind) => kind switch
    {
        ActivationKind.LeakyRelu => [new(kind, 0.01f), new(kind, 1.5f), new(kind, -0.25f), new(kind, 0f)],
        ActivationKind.Elu => [new(kind, 1f), new(kind, 0.3f), new(kind, -0.5f)],
        _ => [new(kind)],
    };
}
