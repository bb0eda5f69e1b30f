using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The matrix product y = a·b, a [..., K], b [K, N]. Backward: gradA = g·bᵀ, gradB = aᵀ·g.</summary>
internal sealed class MatMul : Operation<MatMul.Attributes>
{
    private MatMul()
    {
    }

    public static MatMul Instance { get; } = new();

    public override string Name => "MatMul";

    public static Tensor Apply(Tensor a, Tensor b) => Instance.Forward(a.Storage, b.Storage);

    private Tensor Forward(TensorStorage a, TensorStorage b)
    {
        if (b.Shape.Rank != 2 || a.Shape.Rank == 0 || a.Shape[a.Shape.Rank - 1] != b.Shape[0])
            throw new ShapeException($"MatMul: the operands have shapes {a.Shape} and {b.Shape}; expected [..., K] and [K, N].");
        int k = b.Shape[0], n = b.Shape[1], m = a.Shape.RowCount;
        TapeState tape = TapeState.Of(Name, [a, b]);
        TensorStorage y = tape.Allocate(a.Shape.WithLastAxis(n));
        using (ScratchBlock left = ScratchBlock.Factor(tape, a), right = ScratchBlock.Factor(tape, b))
            tape.Device.MatMul(new MatMulArguments(left.Block, right.Block, y.Values, m, n, k) { FormatA = tape.Format, FormatB = tape.Format });
        Record(tape, y, new Attributes(m, n, k), [a, b], Needs.Input0 | Needs.Input1);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        (int m, int n, int k) = attributes;
        TensorStorage a = record.Input(0), b = record.Input(1);
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (a.RequiresGradient)
        {
            MemoryBlock gradA = tape.GradientOf(a, out bool accumulate);
            using ScratchBlock right = ScratchBlock.Factor(tape, b);
            tape.Device.MatMul(new MatMulArguments(gradOutput, right.Block, gradA, m, k, n) { TransposeB = true, Accumulate = accumulate, FormatB = tape.Format });
        }

        if (b.RequiresGradient)
        {
            MemoryBlock gradB = tape.GradientOf(b, out bool accumulate);
            using ScratchBlock left = ScratchBlock.Factor(tape, a);
            tape.Device.MatMul(new MatMulArguments(left.Block, gradOutput, gradB, k, n, m) { TransposeA = true, Accumulate = accumulate, FormatA = tape.Format });
        }
    }

    internal readonly record struct Attributes(int M, int N, int K);
}
