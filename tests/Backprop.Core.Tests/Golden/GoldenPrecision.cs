using System.Runtime.InteropServices;
using Backprop.Devices;
using Backprop.Devices.Reference;
using Backprop.Memory;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>Runs the golden cases of 16-bit formats, of products in mixed precision and of loss scaling.</summary>
internal static class GoldenPrecision
{
    /// <summary>Bit patterns: compared here, exactly, with any NaN for a NaN.</summary>
    public static GoldenRun Round(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        float[] x = [.. c.Inputs["x_bits"].Data.Select(bits => BitConverter.UInt32BitsToSingle((uint)bits))];
        foreach ((string name, ElementType format) in new[] { ("bf16", ElementType.BFloat16), ("fp16", ElementType.Float16) })
        {
            MemoryBlock values = device.Rent(x.Length, ElementType.Float32), rounded = device.Rent(x.Length, ElementType.Float32), words = device.Rent(x.Length, format);
            device.Upload(x, values);
            device.Round(format, values, rounded, x.Length);
            device.Narrow(format, values, words, x.Length);
            var floats = new float[x.Length];
            device.Download(rounded, floats);
            run.Outputs[$"{name}_as_f32_bits"] = Exactly(c, $"{name}_as_f32_bits", [.. floats.Select(BitConverter.SingleToUInt32Bits)], bits => float.IsNaN(BitConverter.UInt32BitsToSingle(bits)));
            run.Outputs[$"{name}_bits"] = Exactly(c, $"{name}_bits", Words(device, format, words, x.Length), word => float.IsNaN(ValueOf(format, (ushort)word)));
            foreach (MemoryBlock block in new[] { values, rounded, words })
                device.Return(block);
        }

        return run;
    }

    public static GoldenRun Linear(GoldenCase c, Device device)
    {
        (Precision precision, ElementType format) = c.Text("format") == "bf16" ? (Precision.MixedBFloat16, ElementType.BFloat16) : (Precision.MixedFloat16, ElementType.Float16);
        var run = new GoldenRun();
        using var tape = new Tape(device, CheckpointPolicy.None, precision);
        GoldenTensor w = c.Inputs["weight"].Transpose();
        Tensor x = GoldenRun.Input(tape, c, "x"), weight = tape.Input(w.Floats, w.Shape, requiresGradient: true);
        foreach ((string name, Tensor tensor) in new[] { ("x_rounded", x), ("weight_rounded", weight) })
        {
            MemoryBlock rounded = device.Rent(tensor.Length, ElementType.Float32);
            device.Round(format, tensor.Storage.Values, rounded, tensor.Length);
            double[] values = GoldenRun.Values(device, rounded, tensor.Length);
            run.Outputs[name] = name == "x_rounded" ? values : new GoldenTensor(w.Shape, values).Transpose().Data;
            device.Return(rounded);
        }

        run.Finish(tape, c, "y", Operations.Linear.Apply(x, weight, default, new Activation(ActivationKind.Identity)), ("x", x), ("weight", weight));
        run.Gradients["weight"] = new GoldenTensor(w.Shape, run.Gradients["weight"]).Transpose().Data;
        return run;
    }

    public static GoldenRun Scaler(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Parameter[] parameters = [.. new[] { "w", "b" }.Select(name => GoldenTraining.NewParameter(name, c.Inputs[name], device))];
        OptimizerState optimizer = new Sgd { LearningRate = (float)c.Number("lr") }.For(new ParameterCollection(parameters));
        var scaler = new LossScaler
        {
            InitialScale = (float)c.Number("init_scale"),
            GrowthFactor = (float)c.Number("growth_factor"),
            BackoffFactor = (float)c.Number("backoff_factor"),
            GrowthInterval = (int)c.Number("growth_interval"),
        };
        var columns = new[] { "scale_used", "scale", "growth_tracker", "found_inf" }.ToDictionary(name => name, _ => new List<double>());
        for (int step = 1; step <= (int)c.Number("steps"); step++)
        {
            foreach (Parameter parameter in parameters)
                parameter.SetGradient(c.Inputs[$"scaled_grad_{parameter.Name}_{step}"].Floats);
            columns["scale_used"].Add(scaler.Scale);
            columns["found_inf"].Add(scaler.Step(optimizer) ? 0 : 1);
            columns["scale"].Add(scaler.Scale);
            columns["growth_tracker"].Add(scaler.GoodSteps);
            foreach (Parameter parameter in parameters)
                run.Outputs[$"{parameter.Name}_{step}"] = GoldenRun.Values(parameter.Value);
        }

        foreach ((string name, List<double> values) in columns)
            run.Outputs[name] = [.. values];
        return run;
    }

    private static double[] Exactly(GoldenCase c, string name, uint[] actual, Func<uint, bool> isNaN)
    {
        double[] expected = c.Outputs[name].Data;
        for (int i = 0; i < expected.Length; i++)
            Assert.True(actual[i] == expected[i] || (isNaN(actual[i]) && isNaN((uint)expected[i])), $"{c.Name}, {name} {i}: {actual[i]:x}, expected {(uint)expected[i]:x}");
        return expected;
    }

    private static float ValueOf(ElementType format, ushort word) =>
        format == ElementType.BFloat16 ? BitConverter.Int32BitsToSingle(word << 16) : (float)BitConverter.UInt16BitsToHalf(word);

    private static uint[] Words(Device device, ElementType format, MemoryBlock block, int length)
    {
        if (device is ReferenceDevice)
        {
            return
            [
                .. ReferenceDevice.Values(block)[..length].Select(value => format == ElementType.BFloat16
                    ? BitConverter.SingleToUInt32Bits((float)value) >> 16
                    : BitConverter.HalfToUInt16Bits((Half)value)),
            ];
        }

        var floats = new float[(length + 1) / 2];
        device.Download(block, floats);
        return [.. MemoryMarshal.Cast<float, ushort>(floats)[..length].ToArray().Select(word => (uint)word)];
    }
}
