namespace Backprop;

/// <summary>
/// Adam: steps scaled by running estimates of the gradient's mean and uncentered variance. Kingma and Ba 2015,
/// arXiv:1412.6980. Weight decay is added to the gradient; see <see cref="AdamW"/> for the decoupled one.
/// </summary>
public sealed class Adam : AdamMoments
{
    private protected override bool IsDecayDecoupled => false;
}
