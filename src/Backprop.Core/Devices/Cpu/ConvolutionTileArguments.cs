namespace Backprop.Devices.Cpu;

/// <summary>One stretch of a tile's sum: where it begins, as floats from A's first and as steps from B's first.</summary>
internal readonly record struct ConvolutionRun(nint A, nint Step);

/// <summary>What all tiles of one loop have in common.</summary>
internal unsafe struct ConvolutionTileArguments
{
    /// <summary>The stretches of the sum, each of <see cref="RunLength"/> steps.</summary>
    public ConvolutionRun* Runs;

    /// <summary>How many there are; with none, the sums are the bias.</summary>
    public int RunCount;

    /// <summary>The steps in each.</summary>
    public int RunLength;

    /// <summary>From a row of A to the next, and from a step to the next.</summary>
    public nint RowStride, StepStride;

    /// <summary>The right operand; every step reads a whole tile's width, or one register where the tile is that narrow.</summary>
    public float* B;

    /// <summary>From a step of B to the next.</summary>
    public nint BStride;

    /// <summary>The columns that are written, at most <see cref="ConvolutionTile{TSimd}.Columns"/>.</summary>
    public int ColumnCount;

    /// <summary>From a row of C to the next.</summary>
    public nint CStride;

    /// <summary>What the sums begin with, one per column; null is 0.</summary>
    public float* Bias;

    /// <summary>The least value that is written: 0 is ReLU, −∞ changes nothing.</summary>
    public float Floor;

    /// <summary>Whether the sums are added to C.</summary>
    public bool Add;
}
