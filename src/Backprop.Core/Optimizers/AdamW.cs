namespace Backprop;

/// <summary>Adam with decoupled weight decay: w ← w(1 − ηλ) before the step. Loshchilov and Hutter 2019, arXiv:1711.05101.</summary>
public sealed class AdamW : AdamMoments
{
    /// <summary>Creates the settings with a weight decay of 0.01.</summary>
    public AdamW() => WeightDecay = 0.01f;

    private protected override bool IsDecayDecoupled => true;
}
