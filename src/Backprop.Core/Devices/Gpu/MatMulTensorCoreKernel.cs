using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The product of 16-bit numbers, which stand as float32 in memory, on tensor cores: tiles of 128 × 128 of C, eight warps to
/// a group, which pack the numbers into words on their way to the group's memory. There each lane's registers stand side by
/// side, in the order in which the multiplier wants them: one read of 128 bits per 16 rows, without conflicts.
/// </summary>
/// <remarks>
/// A factor that is not a 16-bit number is the sum of up to three BFloat16, so its product is that of the three passes: 24
/// significant bits are 3 × 8. Gradients, which stay float32 in mixed precision, are multiplied like this.
/// </remarks>
internal static class MatMulTensorCoreKernel
{
    /// <summary>Rows and columns of a tile.</summary>
    public const int Tile = 128;

    /// <summary>Depth of a tile.</summary>
    public const int Depth = 32;

    private const int Lanes = TensorCoreLayout.Lanes, Side = TensorCoreLayout.Side;
    private const int Groups = Tile / Side, Slots = Groups * Lanes; // of fragments, for a depth of 16
    private const int Buffer = 2 * Slots;

    [GpuKernel(typeof(BFloat16TensorCore))]
    [GpuKernel(typeof(Float16TensorCore))]
    public static void Multiply<TCore>(
        MatMulShape shape, TensorCorePasses passes, ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias, ArrayView<float> c)
        where TCore : struct, ITensorCore
    {
        ArrayView<Fragment> tileA = SharedMemory.Allocate<Fragment>(2 * Buffer), tileB = SharedMemory.Allocate<Fragment>(2 * Buffer);
        TCore core = default;
        core.Start();
        int thread = Group.IdxX, warp = thread / Lanes, lane = thread % Lanes;
        int firstRow = Grid.IdxX * Tile, firstColumn = Grid.IdxY * Tile;
        int start = Grid.IdxZ * shape.DepthOfLayer;
        int end = start + shape.DepthOfLayer < shape.K ? start + shape.DepthOfLayer : shape.K;
        var operandA = new FragmentReader(shape.RowStrideA, shape.DepthStrideA, shape.M, firstRow + warp * Side, lane);
        var operandB = new FragmentReader(shape.ColumnStrideB, shape.DepthStrideB, shape.N, firstColumn + warp * Side, lane);

        // Two fragments of each operand are this thread's: depths 0 to 15 of its warp's 16 rows, and depths 16 to 31.
        int slot = warp * Lanes + lane, atA = (warp & 1) * (Groups / 2) * Lanes, atB = (warp >> 1) * (Groups / 4) * Lanes;
        int depth = start, pass = 0, present = 0, steps = ((end - start + Depth - 1) / Depth) * passes.Count;
        FourByTwo a0 = operandA.Load(a, depth, end), a1 = operandA.Load(a, depth + Side, end);
        FourByTwo b0 = operandB.Load(b, depth, end), b1 = operandB.Load(b, depth + Side, end);
        int pieceA = passes.PieceOfA(pass), pieceB = passes.PieceOfB(pass);
        tileA[slot] = a0.Packed(core.IsBFloat16, pieceA);
        tileA[Slots + slot] = a1.Packed(core.IsBFloat16, pieceA);
        tileB[slot] = b0.Packed(core.IsBFloat16, pieceB);
        tileB[Slots + slot] = b1.Packed(core.IsBFloat16, pieceB);
        Group.Barrier();

        for (int step = 0; step < steps; step++)
        {
            // The next tiles are under way during the multiplications; behind the last one nobody reads them.
            depth += Depth;
            if (depth >= end)
            {
                depth = start;
                pass++;
            }

            a0 = operandA.Load(a, depth, end);
            a1 = operandA.Load(a, depth + Side, end);
            b0 = operandB.Load(b, depth, end);
            b1 = operandB.Load(b, depth + Side, end);

            core.Multiply(tileA, present + atA, tileB, present + atB, lane);
            core.Multiply(tileA, present + Slots + atA, tileB, present + Slots + atB, lane);

            present = Buffer - present;
            pieceA = passes.PieceOfA(pass);
            pieceB = passes.PieceOfB(pass);
            tileA[present + slot] = a0.Packed(core.IsBFloat16, pieceA);
            tileA[present + Slots + slot] = a1.Packed(core.IsBFloat16, pieceA);
            tileB[present + slot] = b0.Packed(core.IsBFloat16, pieceB);
            tileB[present + Slots + slot] = b1.Packed(core.IsBFloat16, pieceB);
            Group.Barrier();
        }

        int row = firstRow + (warp & 1) * (Tile / 2) + TensorCoreLayout.FreeOf(lane), column = firstColumn + (warp >> 1) * (Tile / 4) + TensorCoreLayout.ColumnOf(lane);
        core.Finish(new Sink(shape, c, bias, Grid.IdxZ * shape.M * shape.N, row, column));
        if (shape.ActivationKind is (int)ActivationKind.Identity or (int)ActivationKind.Relu)
            return;
        for (int i = 0; i < 64; i++)
        {
            int m = row + 8 * (i >> 3), n = column + 8 * ((i >> 1) & 3) + (i & 1), at = Grid.IdxZ * shape.M * shape.N + m * shape.N + n;
            if (m < shape.M && n < shape.N)
                c[at] = ActivationFunctions.Forward(shape.ActivationKind, shape.ActivationParameter, c[at]);
        }
    }

    /// <summary>Four depths of two rows that are 8 apart: what a lane needs for one multiplication.</summary>
    internal readonly struct FourByTwo(Float4 first, Float4 second)
    {
        private readonly Float4 _first = first, _second = second;

        /// <summary>Packed into words.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Fragment Packed(int isBFloat16, int piece) => new(
            Pair(isBFloat16, piece, _first.X, _first.Y), Pair(isBFloat16, piece, _first.Z, _first.W),
            Pair(isBFloat16, piece, _second.X, _second.Y), Pair(isBFloat16, piece, _second.Z, _second.W));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static uint Pair(int isBFloat16, int piece, float low, float high) =>
            isBFloat16 == 0 ? WordFormats.ExactFloat16(low) | (WordFormats.ExactFloat16(high) << 16) : TensorCorePasses.Pieces(low, high, piece);
    }

    /// <summary>How a lane reads its part of 16 rows of A, or columns of B.</summary>
    private readonly struct FragmentReader
    {
        private readonly int _isAlongDepth, _isAligned, _stride, _free, _limit, _depth;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public FragmentReader(int freeStride, int depthStride, int limit, int firstFree, int lane)
        {
            _isAlongDepth = depthStride == 1 ? 1 : 0;
            _stride = depthStride == 1 ? freeStride : depthStride;
            _isAligned = (_stride & 3) == 0 ? 1 : 0;
            _limit = limit;
            _free = firstFree + TensorCoreLayout.FreeOf(lane);
            _depth = TensorCoreLayout.DepthOf(lane);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public FourByTwo Load(ArrayView<float> x, int depth, int end) => new(Load(x, _free, depth + _depth, end), Load(x, _free + 8, depth + _depth, end));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Float4 Load(ArrayView<float> x, int free, int depth, int end)
        {
            int left = free < _limit ? end - depth : 0;
            if (_isAlongDepth != 0)
                return Float4.Load(x, free * _stride + depth, left, _isAligned);

            // Eight lanes read neighbours, 32 bytes.
            int at = depth * _stride + free;
            float first = 0f, second = 0f, third = 0f, fourth = 0f;
            if (left > 0)
                first = x[at];
            if (left > 1)
                second = x[at + _stride];
            if (left > 2)
                third = x[at + 2 * _stride];
            if (left > 3)
                fourth = x[at + 3 * _stride];
            return new Float4(first, second, third, fourth);
        }
    }

    /// <summary>Where a lane's sums go.</summary>
    private readonly struct Sink(MatMulShape shape, ArrayView<float> c, ArrayView<float> bias, int start, int row, int column) : ITensorCoreSink
    {
        private readonly MatMulShape _shape = shape;
        private readonly ArrayView<float> _c = c, _bias = bias;
        private readonly int _start = start, _row = row, _column = column;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(int rowTile, int columnTile, Float4 sums)
        {
            int row = _row + Side * rowTile, column = _column + 8 * columnTile;
            float left = 0f, right = 0f;
            if (_shape.HasBias != 0)
            {
                if (column < _shape.N)
                    left = _bias[column];
                if (column + 1 < _shape.N)
                    right = _bias[column + 1];
            }

            Store(row, column, sums.X + left);
            Store(row, column + 1, sums.Y + right);
            Store(row + 8, column, sums.Z + left);
            Store(row + 8, column + 1, sums.W + right);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store(int row, int column, float value)
        {
            if (row >= _shape.M || column >= _shape.N)
                return;
            int at = _start + row * _shape.N + column;
            if (_shape.Accumulate != 0)
                value += _c[at];
            _c[at] = _shape.ActivationKind == (int)ActivationKind.Relu ? ScalarFunctions.Max(0f, value) : value;
        }
    }
}
