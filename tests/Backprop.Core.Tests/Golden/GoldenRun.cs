using Backprop.Devices.Reference;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>What our engine computed for a golden case, in the file's names and layouts.</summary>
internal sealed class GoldenRun
{
    public Dictionary<string, double[]> Outputs { get; } = [];

    public Dictionary<string, double[]> Gradients { get; } = [];

    /// <summary>All values in the precision of the device: doubles on the reference device, floats elsewhere.</summary>
    public static double[] Values(Device device, MemoryBlock block, int length)
    {
        if (device is ReferenceDevice)
            return ReferenceDevice.Values(block)[..length];
        var floats = new float[length];
        device.Download(block, floats);
        return Array.ConvertAll(floats, value => (double)value);
    }

    public static double[] Values(Tensor tensor) => Values(tensor.Device, tensor.Storage.Values, tensor.Length);

    public static double[] GradientOf(Tensor tensor)
    {
        TensorStorage storage = tensor.Storage;
        return storage.Gradient is null ? new double[tensor.Length] : Values(storage.Device, storage.Gradient, tensor.Length);
    }

    /// <summary>Brings an input of the case in; it requires a gradient if the file has one.</summary>
    public static Tensor Input(Tape tape, GoldenCase goldenCase, string name) =>
        tape.Input(goldenCase.Inputs[name].Floats, goldenCase.Inputs[name].Shape, goldenCase.HasGradient(name));

    /// <summary>Stores the one output, runs backward from the file's gradient of it and stores the gradients of the inputs.</summary>
    public void Finish(Tape tape, GoldenCase goldenCase, string outputName, Tensor output, params (string Name, Tensor Tensor)[] inputs)
    {
        Outputs[outputName] = Values(output);
        if (goldenCase.GradOutput is null)
            return;
        tape.Backward(output, goldenCase.GradOutput[outputName].Floats);
        foreach ((string name, Tensor tensor) in inputs)
            if (goldenCase.HasGradient(name))
                Gradients[name] = GradientOf(tensor);
    }

    /// <summary>
    /// max|actual − expected| / max|expected| of each tensor (1 where that is below 10⁻⁶), the largest of them, and the
    /// name of the tensor. Every tensor of the file must be there.
    /// </summary>
    public (double Error, string Tensor) ErrorAgainst(GoldenCase goldenCase)
    {
        (double, string) worst = (0, "none");
        foreach ((string name, GoldenTensor expected) in goldenCase.Outputs)
            Compare(name, expected, Outputs, ref worst);
        foreach ((string name, GoldenTensor expected) in goldenCase.Gradients ?? [])
            Compare($"gradient of {name}", expected, Gradients, ref worst, name);
        return worst;
    }

    private static void Compare(string label, GoldenTensor expected, Dictionary<string, double[]> computed, ref (double Error, string Tensor) worst, string? key = null)
    {
        if (!computed.TryGetValue(key ?? label, out double[]? actual) || actual.Length != expected.Data.Length)
        {
            worst = (double.PositiveInfinity, $"{label} (missing or of another length)");
            return;
        }

        double scale = expected.Data.Length == 0 ? 1 : expected.Data.Max(Math.Abs);
        if (scale < 1e-6)
            scale = 1;
        for (int i = 0; i < actual.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected.Data[i]) / scale;
            if (double.IsNaN(error))
                error = double.PositiveInfinity;
            if (error > worst.Error)
                worst = (error, $"{label}, element {i}: {actual[i]:g9}, expected {expected.Data[i]:g9}");
        }
    }
}
