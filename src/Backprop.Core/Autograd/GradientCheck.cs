using Backprop.Devices.Reference;
using Backprop.Tensors;

namespace Backprop;

/// <summary>
/// Compares the gradient that backward computes with central differences (f(x + ε) − f(x − ε))/2ε, element by element, in
/// double precision on the reference device.
/// </summary>
/// <remarks>
/// <para>An output with several elements is weighted with sin 1, sin 2, ..., so that every element counts differently and
/// errors cannot cancel. At a kink (ReLU at 0) differences mean nothing: choose inputs away from it.</para>
/// <code>
/// GradientCheckResult result = GradientCheck.Run(
///     (tape, inputs) => inputs[0].MatMul(inputs[1]).Tanh(),
///     [([1f, 2f], [1, 2]), ([3f, 4f], [2, 1])]);
/// </code>
/// </remarks>
public static class GradientCheck
{
    /// <summary>Checks the gradient of a function with respect to all of its inputs.</summary>
    /// <param name="function">
    /// Computes the output from the inputs on the given tape, by operations of tensors; the same output each time it is
    /// called. It is called several times per element of the inputs.
    /// </param>
    /// <param name="inputs">Where to check: values in row-major order and shape of each input.</param>
    /// <param name="epsilon">ε, the step to both sides. Default 10⁻⁶.</param>
    /// <param name="absoluteTolerance">The allowed difference where the derivative is 0. Default 10⁻⁵.</param>
    /// <param name="relativeTolerance">The allowed difference as a share of the derivative, on top. Default 10⁻³.</param>
    /// <returns>The largest error and where it is.</returns>
    /// <exception cref="ArgumentException">There is no input, or ε or a tolerance is not a positive number.</exception>
    /// <exception cref="ShapeException">An input does not have as many values as its shape has elements.</exception>
    /// <exception cref="InvalidOperationException">
    /// The output does not depend on the inputs by differentiable operations, or the function gave something else when it
    /// was called again.
    /// </exception>
    public static GradientCheckResult Run(
        Func<Tape, IReadOnlyList<Tensor>, Tensor> function, IReadOnlyList<(float[] Values, Shape Shape)> inputs,
        double epsilon = 1e-6, double absoluteTolerance = 1e-5, double relativeTolerance = 1e-3)
    {
        ArgumentNullException.ThrowIfNull(function);
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count == 0)
            throw new ArgumentException("There is no input to check the gradient of; expected at least one.", nameof(inputs));
        ThrowUnlessPositive(epsilon, nameof(epsilon));
        ThrowUnlessPositive(absoluteTolerance, nameof(absoluteTolerance));
        ThrowUnlessPositive(relativeTolerance, nameof(relativeTolerance));

        double[][] point = [.. inputs.Select(input => Array.ConvertAll(input.Values, value => (double)value))];
        (double[] output, double[][] analytic) = Differentiate(function, inputs);
        (double[] outputAgain, double[][] analyticAgain) = Differentiate(function, inputs);
        if (!SameBits(output, outputAgain) || !analytic.Zip(analyticAgain).All(pair => SameBits(pair.First, pair.Second)))
            throw new InvalidOperationException("The function gave another output or gradient when it was called again with the same inputs; differences of it mean nothing. Fix its random numbers with a seed.");

        var worst = new GradientCheckResult(0, 0, 0, 0, 0);
        for (int input = 0; input < point.Length; input++)
        {
            for (int element = 0; element < point[input].Length; element++)
            {
                double a = analytic[input][element], n = CentralDifference(function, inputs, point, input, element, epsilon);
                double error = Math.Abs(a - n) / (absoluteTolerance + relativeTolerance * Math.Abs(n));
                if (double.IsNaN(error))
                    error = double.PositiveInfinity;
                if (error >= worst.LargestError)
                    worst = new GradientCheckResult(error, input, element, a, n);
            }
        }

        return worst;
    }

    private static (double[] Output, double[][] Gradients) Differentiate(
        Func<Tape, IReadOnlyList<Tensor>, Tensor> function, IReadOnlyList<(float[] Values, Shape Shape)> inputs)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor[] tensors = [.. inputs.Select(input => tape.Input(input.Values, input.Shape, requiresGradient: true))];
        Tensor output = function(tape, tensors);
        double[] values = Elements(output);
        tape.Backward(output, [.. Enumerable.Range(0, output.Length).Select(i => (float)Weight(i, output.Length))]);
        return (values, [.. tensors.Select(Gradient)]);
    }

    private static double[] Gradient(Tensor tensor)
    {
        TensorStorage storage = tensor.Storage;
        return storage.Gradient is null || storage.GradientIsZero
            ? new double[storage.Shape.Length]
            : ReferenceDevice.Values(storage.Gradient)[..storage.Shape.Length];
    }

    private static double CentralDifference(
        Func<Tape, IReadOnlyList<Tensor>, Tensor> function, IReadOnlyList<(float[] Values, Shape Shape)> inputs,
        double[][] point, int input, int element, double epsilon)
    {
        double center = point[input][element];
        point[input][element] = center + epsilon;
        double[] above = Evaluate(function, inputs, point);
        point[input][element] = center - epsilon;
        double[] below = Evaluate(function, inputs, point);
        point[input][element] = center;

        // Subtracting before summing: the outputs that do not depend on this element cancel exactly, however large they are.
        double difference = 0;
        for (int i = 0; i < above.Length; i++)
            difference += Weight(i, above.Length) * (above[i] - below[i]);
        return difference / (center + epsilon - (center - epsilon)); // the step that was really taken, after rounding
    }

    private static double[] Evaluate(
        Func<Tape, IReadOnlyList<Tensor>, Tensor> function, IReadOnlyList<(float[] Values, Shape Shape)> inputs, double[][] point)
    {
        using var tape = Tape.ForInference(ReferenceDevice.Instance);
        var tensors = new Tensor[point.Length];
        for (int i = 0; i < point.Length; i++)
        {
            tensors[i] = tape.Input(inputs[i].Values, inputs[i].Shape);
            point[i].CopyTo(ReferenceDevice.Values(tensors[i].Storage.Values), 0);
        }

        return Elements(function(tape, tensors));
    }

    private static double[] Elements(Tensor tensor) => ReferenceDevice.Values(tensor.Storage.Values)[..tensor.Length];

    // Rounded to float, as backward takes it; a loss weighs 1, as Backward(loss) has it.
    private static double Weight(int index, int length) => length == 1 ? 1 : (float)Math.Sin(index + 1);

    private static bool SameBits(double[] a, double[] b) => a.AsSpan().SequenceEqual(b) ||
        (a.Length == b.Length && a.Zip(b).All(pair => BitConverter.DoubleToInt64Bits(pair.First) == BitConverter.DoubleToInt64Bits(pair.Second)));

    private static void ThrowUnlessPositive(double value, string name)
    {
        if (!(value > 0) || double.IsInfinity(value))
            throw new ArgumentOutOfRangeException(name, value, "Expected a positive number.");
    }
}
