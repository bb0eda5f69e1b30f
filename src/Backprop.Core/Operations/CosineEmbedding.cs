using Backprop.Devices;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// 1 − cos(a, b) for rows that are alike, max(0, cos(a, b) − m) for others; the derivative of the cosine with respect to a is
/// b/(|a||b|) − cos·a/|a|². Hadsell, Chopra and LeCun 2006 (contrastive losses).
/// </summary>
internal sealed class CosineEmbedding : RowLoss
{
    private CosineEmbedding()
    {
    }

    public static CosineEmbedding Instance { get; } = new();

    public override string Name => "CosineEmbedding";

    /// <summary>Of rows [N, D] with signs: 1 for alike, −1 for not.</summary>
    public Tensor Apply(TensorStorage a, TensorStorage b, TensorStorage signs, in LossArguments given)
    {
        Call call = Begin(a, b, given);
        call.Tape.Device.CosineEmbedding(a.Values, b.Values, signs.Values, a.Shape[0], a.Shape[1], call.Arguments);
        return End(call, a, b);
    }
}
