namespace HandwrittenDigits;

/// <summary>What the network says of a picture, beside the truth.</summary>
internal sealed class DigitPrediction
{
    public float[] Pixels { get; set; } = [];

    public uint Digit { get; set; }

    public uint PredictedDigit { get; set; }

    /// <summary>The probabilities of the digits 0 to 9.</summary>
    public float[] Score { get; set; } = [];

    /// <summary>How sure the network is of the digit that it predicts.</summary>
    public float Probability => Score.Max();

    public bool IsRight => PredictedDigit == Digit;
}
