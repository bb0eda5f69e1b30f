using Backprop.Memory;

namespace Backprop.Devices;

/// <summary>
/// C[M,N] = activation(op(A)·op(B) + bias[N]), or C += op(A)·op(B) when <see cref="Accumulate"/> is set (then without
/// bias and activation). A is stored row-major as [M,K], or [K,M] when <see cref="TransposeA"/>; B as [K,N], or [N,K]
/// when <see cref="TransposeB"/>. K = 0 gives activation(bias). C overlaps neither A nor B.
/// </summary>
internal readonly record struct MatMulArguments(MemoryBlock A, MemoryBlock B, MemoryBlock C, int M, int N, int K)
{
    public bool TransposeA { get; init; }
    public bool TransposeB { get; init; }
    public bool Accumulate { get; init; }

    /// <summary>Whether zeros of A may be left out as if they had met finite numbers: B is known to have no others, or it does not matter.</summary>
    public bool MaySkipZeros { get; init; }

    public MemoryBlock? Bias { get; init; }
    public Activation Activation { get; init; }

    /// <summary>A 16-bit format when all values of A are known to be numbers of it (they are stored as float32 all the same): a device may multiply them as such.</summary>
    public ElementType FormatA { get; init; }

    /// <summary>The same of B.</summary>
    public ElementType FormatB { get; init; }
}

/// <summary>
/// Layout of a softmax or cross entropy along one axis of a row-major tensor: element (o, a, i) stands at
/// (o·Axis + a)·Inner + i. Inner is 1 when the axis is the last one.
/// </summary>
internal readonly record struct AxisLayout(int Outer, int Axis, int Inner)
{
    public int Length => Outer * Axis * Inner;
}

/// <summary>
/// Alternating kept and summed (or repeated) axes of a row-major tensor, neighbours of one kind already merged and
/// axes of length 1 dropped. The full tensor has the product of all lengths, the small one the product of the kept.
/// </summary>
internal readonly struct BroadcastLayout
{
    private readonly ShapeBuffer _lengths;

    /// <param name="lengths">The merged lengths, outermost first.</param>
    /// <param name="firstIsKept">Whether the outermost one is kept; kinds alternate from there.</param>
    public BroadcastLayout(ReadOnlySpan<int> lengths, bool firstIsKept)
    {
        lengths.CopyTo(_lengths);
        Rank = lengths.Length;
        FirstIsKept = firstIsKept;
    }

    public int Rank { get; }

    public bool FirstIsKept { get; }

    public int this[int axis] => _lengths[axis];

    public bool IsKept(int axis) => FirstIsKept == (axis % 2 == 0);

    public int FullLength => Product(kept: true) * Product(kept: false);

    public int SmallLength => Product(kept: true);

    private int Product(bool kept)
    {
        int product = 1;
        for (int axis = 0; axis < Rank; axis++)
            if (IsKept(axis) == kept)
                product *= _lengths[axis];
        return product;
    }
}

/// <summary>Room for the axis lengths of one tensor, without a heap allocation.</summary>
[System.Runtime.CompilerServices.InlineArray(MaximumRank)]
internal struct ShapeBuffer
{
    public const int MaximumRank = 8;
    private int _first;
}

/// <summary>How the losses of a mini-batch become the value that is differentiated.</summary>
internal enum Reduction
{
    /// <summary>One loss per row (classification) or per element (pointwise); nothing is summed.</summary>
    None,

    /// <summary>The sum.</summary>
    Sum,

    /// <summary>The sum divided by <see cref="LossArguments.Divisor"/>.</summary>
    Mean,
}

/// <summary>The element-wise losses, as functions of the prediction x and the target t.</summary>
internal enum PointwiseLossKind
{
    /// <summary>(x − t)².</summary>
    SquaredError,

    /// <summary>|x − t|; derivative 0 where x = t.</summary>
    AbsoluteError,

    /// <summary>½d² for |d| ≤ δ, else δ(|d| − ½δ), with d = x − t. Parameter: δ. Huber 1964.</summary>
    Huber,

    /// <summary>
    /// −(p·t·ln σ(x) + (1 − t)·ln(1 − σ(x))), computed without overflow for any x. The positive weight p is one per
    /// column (<see cref="LossArguments.ColumnWeights"/>), 1 when absent.
    /// </summary>
    BinaryCrossEntropyWithLogits,

    /// <summary>½d²/β for |d| &lt; β, else |d| − ½β, with d = x − t. Parameter: β. Girshick 2015, arXiv:1504.08083.</summary>
    SmoothL1,

    /// <summary>max(τd, (τ − 1)d) with d = t − x; derivative 0 where x = t. Parameter: τ. Koenker and Bassett 1978.</summary>
    Quantile,

    /// <summary>max(0, m − tx). Parameter: the margin m.</summary>
    Hinge,

    /// <summary>max(0, m − tx)². Parameter: the margin m.</summary>
    SquaredHinge,

    /// <summary>eˣ − tx: Poisson, x the logarithm of the rate.</summary>
    PoissonOfLogarithm,

    /// <summary>The same with Stirling's t·ln t − t + ½ln(2πt) for t &gt; 1.</summary>
    PoissonOfLogarithmFull,

    /// <summary>x − t·ln(x + ε): Poisson, x the rate itself. Parameter: ε.</summary>
    PoissonOfRate,

    /// <summary>The same with Stirling's t·ln t − t + ½ln(2πt) for t &gt; 1.</summary>
    PoissonOfRateFull,

    /// <summary>t(ln t − x), x the logarithm of a probability; 0 with target derivative 0 where t = 0. Kullback and Leibler 1951.</summary>
    KullbackLeibler,

    /// <summary>eᵗ(t − x), both the logarithm of a probability.</summary>
    KullbackLeiblerOfLogarithm,
}

/// <summary>
/// What a loss kernel reads besides the prediction. Weights multiply the loss of a row. The kernel writes the loss to
/// <see cref="Loss"/> (one value; one per row or element when <see cref="Reduction"/> is None) and, where asked for, the
/// gradient of that value (of each value by itself, for None) to the gradient blocks. Sums run in a fixed order.
/// </summary>
internal readonly record struct LossArguments(MemoryBlock Loss, Reduction Reduction)
{
    /// <summary>What Mean divides by. Computed by the caller, who knows the weights.</summary>
    public double Divisor { get; init; }

    /// <summary>One factor per row; null means 1.</summary>
    public MemoryBlock? RowWeights { get; init; }

    /// <summary>Cross entropy: one factor per class. Binary cross entropy: the positive weight per column. Null means 1.</summary>
    public MemoryBlock? ColumnWeights { get; init; }

    /// <summary>The parameter of a pointwise loss, or a margin.</summary>
    public float Parameter { get; init; }

    /// <summary>Cross entropy: the share ε of the target spread evenly over all classes. Szegedy et al. 2016, arXiv:1512.00567.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>Receives the gradient with respect to the prediction; null when it is not needed.</summary>
    public MemoryBlock? PredictionGradient { get; init; }

    /// <summary>Receives the gradient with respect to the target (pointwise losses); null when it is not needed.</summary>
    public MemoryBlock? TargetGradient { get; init; }
}
