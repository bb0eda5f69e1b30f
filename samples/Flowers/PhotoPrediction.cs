namespace Flowers;

/// <summary>What the network says of a photo, beside the truth.</summary>
internal sealed class PhotoPrediction
{
    public string Path { get; set; } = "";

    public string Flower { get; set; } = "";

    public string PredictedFlower { get; set; } = "";

    /// <summary>The probabilities of the kinds of flowers.</summary>
    public float[] Score { get; set; } = [];

    /// <summary>How sure the network is of the flower that it predicts.</summary>
    public float Probability => Score.Max();

    public bool IsRight => PredictedFlower == Flower;
}
