using Backprop.Devices;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>−x[t] of log-probabilities x and the label t; derivative −1 at the label. Classes stand on axis 1.</summary>
internal sealed class NegativeLogLikelihood : RowLoss
{
    private NegativeLogLikelihood()
    {
    }

    public static NegativeLogLikelihood Instance { get; } = new();

    public override string Name => "NegativeLogLikelihood";

    /// <summary>With class indices; a negative one is a row that does not count.</summary>
    public Tensor Apply(TensorStorage logProbabilities, TensorStorage labels, in LossArguments given)
    {
        Call call = Begin(logProbabilities, null, given);
        call.Tape.Device.NegativeLogLikelihood(logProbabilities.Shape.LayoutOf(1), logProbabilities.Values, labels.Values, call.Arguments);
        return End(call, logProbabilities, null);
    }
}
