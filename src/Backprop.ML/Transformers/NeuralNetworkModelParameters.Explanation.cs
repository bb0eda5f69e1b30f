using System.Numerics.Tensors;
using Backprop.ML.Data;

namespace Backprop.ML;

public sealed partial class NeuralNetworkModelParameters
{
    private readonly Lazy<Network> _frozen;

    /// <summary>
    /// How much a raw score changes with each feature of a row, ∂score/∂featureᵢ: which features a prediction hangs on, and which way.
    /// </summary>
    /// <remarks>
    /// <para>It is in the score's units per unit of the feature, as the feature stands in the data: not of the standardised value that the network
    /// works with. Features in different units compare better by <see cref="InputContributions"/>. The score is the network's output: the prediction
    /// (regression) or a logit (classification), not its probability, whose gradient vanishes where the network is sure. Dropout is off.</para>
    /// <para>Simonyan, Vedaldi, Zisserman 2013, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps".
    /// Any number of threads may ask at once.</para>
    /// </remarks>
    /// <param name="features">The features of one row, as in the feature column.</param>
    /// <param name="output">The index of the score: 0 for regression and binary classification; of a class, its key less one. Default: 0.</param>
    /// <returns>
    /// As many values as there are features; all NaN for a row with a missing (NaN) or infinite feature, which is scored NaN as well. With
    /// <see cref="ImputedValues"/> they are those of the row in which these stand for the missing ones.
    /// </returns>
    /// <exception cref="ArgumentException">There are more or fewer features than the network takes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such output.</exception>
    public float[] InputGradients(ReadOnlySpan<float> features, int output = 0)
    {
        int inputs = Network.InputShape.Length, outputs = Network.OutputShape.Length;
        if (features.Length != inputs)
            throw new ArgumentException($"The network takes {inputs} features a row; {features.Length} were given.", nameof(features));
        if ((uint)output >= (uint)outputs)
            throw new ArgumentOutOfRangeException(nameof(output), output, $"The network has {outputs} outputs; the index must be from 0 to {outputs - 1}.");
        var gradients = new float[inputs];
        if (!TensorPrimitives.IsFiniteAll(features))
        {
            if (Imputed is null)
            {
                Array.Fill(gradients, float.NaN);
                return gradients;
            }
            features = Complete(features);
        }
        Network network = _frozen.Value;
        using var tape = new Tape(network.Device);
        Tensor input = tape.Input(features, network.InputShape.Batch(1), requiresGradient: true);
        var chosen = new float[outputs];
        chosen[output] = 1;
        tape.Backward(network.Forward(input), chosen);
        input.CopyGradientTo(gradients);
        return gradients;
    }

    /// <summary>
    /// The gradient of a raw score times what each feature differs from a baseline, (featureᵢ − baselineᵢ)·∂score/∂featureᵢ: all in
    /// the units of the score, whatever those of the features, so that they compare. For a network without hidden layers their sum is exactly
    /// the difference of the two scores; for others it is that to first order.
    /// </summary>
    /// <remarks>Shrikumar, Greenside, Shcherbina, Kundaje 2016, "Not Just a Black Box" (gradient × input).</remarks>
    /// <param name="features">The features of one row, as in the feature column.</param>
    /// <param name="output">As in <see cref="InputGradients"/>.</param>
    /// <param name="baseline">The row to compare with, the mean of the training rows, say. Default: empty, all zeros.</param>
    /// <returns>As many values as there are features.</returns>
    /// <exception cref="ArgumentException">There are more or fewer features, or values of the baseline, than the network takes.</exception>
    /// <inheritdoc cref="InputGradients" path="/exception[@cref='T:System.ArgumentOutOfRangeException']"/>
    public float[] InputContributions(ReadOnlySpan<float> features, int output = 0, ReadOnlySpan<float> baseline = default)
    {
        float[] contributions = InputGradients(features, output);
        if (!baseline.IsEmpty && baseline.Length != features.Length)
            throw new ArgumentException($"The baseline must have as many values as the row, {features.Length}; it has {baseline.Length}.", nameof(baseline));
        ReadOnlySpan<float> complete = Complete(features);
        for (int i = 0; i < contributions.Length; i++)
            contributions[i] *= complete[i] - (baseline.IsEmpty ? 0 : baseline[i]);
        return contributions;
    }

    /// <summary>The features with the stand-ins for missing ones, if the model has any.</summary>
    private ReadOnlySpan<float> Complete(ReadOnlySpan<float> features)
    {
        if (Imputed is null || TensorPrimitives.IsFiniteAll(features))
            return features;
        float[] complete = features.ToArray();
        Preparation.Impute(complete, Imputed);
        return complete;
    }
}
