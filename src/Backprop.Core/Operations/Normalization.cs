using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Operations;

/// <summary>What the normalisations share: γ and β as their second and third operand, and where their gradients go.</summary>
internal static class Normalization
{
    public static void CheckParameters(string operation, Tensor gamma, Tensor beta, float epsilon, Shape expected, Shape input)
    {
        if (gamma.IsDefault != beta.IsDefault)
            throw new ArgumentException($"{operation}: a scale without a shift, or the other way round; give both or neither.", nameof(beta));
        if (!gamma.IsDefault && (gamma.Shape != expected || beta.Shape != expected))
            throw new ShapeException($"{operation}: scale and shift have the shapes {gamma.Shape} and {beta.Shape}; expected {expected} for the input {input}.");
        if (!(epsilon > 0f) || !float.IsFinite(epsilon))
            throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, $"{operation}: epsilon is {epsilon}; expected a positive number, usually 0.00001.");
    }

    public static MemoryBlock? Gamma(OperationRecord record) => record.InputCount == 3 ? record.Input(1).Values : null;

    public static MemoryBlock? Beta(OperationRecord record) => record.InputCount == 3 ? record.Input(2).Values : null;

    /// <summary>
    /// The blocks of all gradients that are needed. The input's is computed in place of the output's where it has none yet
    /// (<paramref name="inPlace"/>): the caller then passes that on.
    /// </summary>
    public static NormalizationGradients Gradients(TapeState tape, OperationRecord record, out bool inPlace)
    {
        MemoryBlock output = record.Output.Gradient!;
        MemoryBlock? gamma = null, beta = null, input = null;
        bool accumulateGamma = false, accumulateBeta = false, accumulateInput = false;
        if (record.InputCount == 3 && record.Input(1).RequiresGradient)
            gamma = tape.GradientOf(record.Input(1), out accumulateGamma);
        if (record.InputCount == 3 && record.Input(2).RequiresGradient)
            beta = tape.GradientOf(record.Input(2), out accumulateBeta);
        inPlace = record.Input(0).RequiresGradient && record.Input(0).Gradient is null;
        if (inPlace)
            input = output;
        else if (record.Input(0).RequiresGradient)
            input = tape.GradientOf(record.Input(0), out accumulateInput);
        return new NormalizationGradients(output)
        {
            Input = input,
            AccumulateInput = accumulateInput,
            Gamma = gamma,
            AccumulateGamma = accumulateGamma,
            Beta = beta,
            AccumulateBeta = accumulateBeta,
        };
    }
}
