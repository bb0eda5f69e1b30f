using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>Four registers of a lane, each with two 16-bit words, the one with the smaller depth in the lower half.</summary>
internal readonly struct Fragment(uint x, uint y, uint z, uint w)
{
    public readonly uint X = x, Y = y, Z = z, W = w;
}

/// <summary>
/// The multiplier of 16 × 16 words by 16 × 8 that 32 threads (lanes) share, with float32 sums: what PTX calls
/// mma.m16n8k16, and in the tests a program that does what its documentation says. A warp keeps the sums of 64 rows and 32
/// columns of C: 4 × 4 of the multiplier's tiles.
/// </summary>
internal interface ITensorCore
{
    /// <summary>Not 0: the words are BFloat16; else Float16.</summary>
    public int IsBFloat16 { get; }

    /// <summary>Sets the sums to zero. Once per kernel.</summary>
    public void Start();

    /// <summary>
    /// Adds the products of a depth of 16. The fragments of 16 rows of A (of 16 columns of B) stand together, lane by lane;
    /// four such groups of A are at <paramref name="atA"/>, two of B at <paramref name="atB"/>.
    /// </summary>
    public void Multiply(ArrayView<Fragment> a, int atA, ArrayView<Fragment> b, int atB, int lane);

    /// <summary>Hands over the sums. Once per kernel.</summary>
    public void Finish<TSink>(TSink sink)
        where TSink : struct, ITensorCoreSink;
}

/// <summary>Takes the sums of a warp.</summary>
internal interface ITensorCoreSink
{
    /// <summary>A lane's four sums of the multiplier's tile in a row (of 16) and a column (of 8) of tiles, as <see cref="TensorCoreLayout"/> says.</summary>
    public void Store(int rowTile, int columnTile, Float4 sums);
}
