namespace Backprop.ML.Data;

/// <summary>
/// From how badly a row was reconstructed to how anomalous it is. The error e of a row is the mean over its features of
/// ((x̂ − x)·scale)², in units of their variance; its score is e/(e + r), where r is the error that only the accepted share of usual
/// rows exceeds. So scores are from 0 to 1, ½ is at r, and no order is changed.
/// </summary>
/// <param name="Scale">One for each feature: one over its standard deviation.</param>
/// <param name="ReferenceError">r, positive.</param>
/// <param name="Threshold">The score above which a row is called an anomaly.</param>
internal sealed record AnomalyCalibration(float[] Scale, float ReferenceError, float Threshold)
{
    /// <summary>The threshold that ML.NET has if it is told nothing else.</summary>
    public const float DefaultThreshold = 0.5f;

    // A network that reconstructs without error, such as one of constant features, has no error to compare with.
    private const float SmallestError = 1e-12f;

    /// <summary>Takes the error of reference from errors of usual rows.</summary>
    /// <param name="scale">One for each feature.</param>
    /// <param name="errors">The errors of usual rows; they are sorted.</param>
    /// <param name="falsePositiveRate">The share of usual rows that may be called anomalies.</param>
    public static AnomalyCalibration Of(float[] scale, Span<float> errors, double falsePositiveRate)
    {
        errors.Sort();
        int rank = Math.Clamp((int)Math.Ceiling((1 - falsePositiveRate) * errors.Length) - 1, 0, errors.Length - 1);
        return new AnomalyCalibration(scale, Math.Max(errors[rank], SmallestError), DefaultThreshold);
    }

    /// <summary>The score of a row.</summary>
    public float Score(ReadOnlySpan<float> features, ReadOnlySpan<float> reconstruction)
    {
        double error = Error(features, reconstruction, Scale);
        return double.IsFinite(error) ? (float)(error / (error + ReferenceError)) : 1; // so far from all that is usual that the network's numbers overflowed
    }

    /// <summary>The error of a row.</summary>
    public static double Error(ReadOnlySpan<float> features, ReadOnlySpan<float> reconstruction, ReadOnlySpan<float> scale)
    {
        double sum = 0;
        for (int i = 0; i < features.Length; i++)
        {
            double difference = ((double)reconstruction[i] - features[i]) * scale[i];
            sum += difference * difference;
        }
        return sum / features.Length;
    }
}
