namespace WebService.Models;

/// <summary>What a prediction engine fills: the probabilities of the digits 0 to 9.</summary>
internal sealed class DigitScores
{
    public float[] Score { get; set; } = [];
}
