using Backprop.Devices;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Σ max(0, m − x[t] + x[c])^p/C over the classes c other than the label t: with v the number of classes that reach into the
/// margin (p = 1) or twice the sum of by how much (p = 2), the derivative is that of each at c, and −v at t. Crammer and Singer 2001.
/// </summary>
internal sealed class MultiMargin : RowLoss
{
    private MultiMargin()
    {
    }

    public static MultiMargin Instance { get; } = new();

    public override string Name => "MultiMargin";

    /// <summary>Of scores [N, C] with class indices; p is 1 or 2.</summary>
    public Tensor Apply(TensorStorage scores, TensorStorage labels, int power, in LossArguments given)
    {
        Call call = Begin(scores, null, given);
        call.Tape.Device.MultiMargin(power, scores.Values, labels.Values, scores.Shape[0], scores.Shape[1], call.Arguments);
        return End(call, scores, null);
    }
}
