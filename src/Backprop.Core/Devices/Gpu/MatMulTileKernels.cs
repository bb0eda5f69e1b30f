using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The product in tiles of C, one to a group of 256 threads: tiles of both operands lie in the group's memory, twice, so that
/// the next ones arrive while the present ones are multiplied, with one barrier per tile. Each thread keeps its sums in
/// registers. The groups along z share out the depth.
/// </summary>
internal static class MatMulTileKernels
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Rows and columns of the larger tile: 8 × 8 sums per thread, as many multiplications per read as registers allow.</summary>
    public const int LargeTile = 128;

    /// <summary>Rows and columns of the smaller tile: 4 × 4 sums per thread, four times as many groups.</summary>
    public const int SmallTile = 64;

    private const int Depth = MatMulOperandTile.Depth, LargeQuads = LargeTile / 4, SmallQuads = SmallTile / 4;
    private const int LargeRow = LargeQuads + 1, SmallRow = SmallQuads + 1;

    [GpuKernel]
    public static void MultiplyLarge(MatMulShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias, ArrayView<float> c)
    {
        ArrayView<Float4> tileA = SharedMemory.Allocate<Float4>(2 * Depth * LargeRow), tileB = SharedMemory.Allocate<Float4>(2 * Depth * LargeRow);
        int thread = Group.IdxX, x = thread & 15, y = thread >> 4;
        int firstRow = Grid.IdxX * LargeTile, firstColumn = Grid.IdxY * LargeTile;
        int depth = Grid.IdxZ * shape.DepthOfLayer;
        int end = depth + shape.DepthOfLayer < shape.K ? depth + shape.DepthOfLayer : shape.K;
        var operandA = new MatMulOperandTile(shape.RowStrideA, shape.DepthStrideA, shape.M, firstRow, thread, LargeQuads);
        var operandB = new MatMulOperandTile(shape.ColumnStrideB, shape.DepthStrideB, shape.N, firstColumn, thread, LargeQuads);

        Float4 a0 = operandA.Load(a, depth, end, 0), a1 = operandA.Load(a, depth, end, 1);
        Float4 b0 = operandB.Load(b, depth, end, 0), b1 = operandB.Load(b, depth, end, 1);
        operandA.Store(tileA, 0, 0, LargeQuads, a0);
        operandA.Store(tileA, 0, 1, LargeQuads, a1);
        operandB.Store(tileB, 0, 0, LargeQuads, b0);
        operandB.Store(tileB, 0, 1, LargeQuads, b1);
        Group.Barrier();

        Sums4x4 upperLeft = default, upperRight = default, lowerLeft = default, lowerRight = default;
        int present = 0;
        for (; depth < end; depth += Depth)
        {
            // The next tiles are under way during the multiplications; behind the end they are zeros, which nobody reads.
            a0 = operandA.Load(a, depth + Depth, end, 0);
            a1 = operandA.Load(a, depth + Depth, end, 1);
            b0 = operandB.Load(b, depth + Depth, end, 0);
            b1 = operandB.Load(b, depth + Depth, end, 1);

            int atA = present + y, atB = present + x;
            for (int i = 0; i < Depth; i++)
            {
                Float4 upper = tileA[atA], lower = tileA[atA + LargeQuads / 2], left = tileB[atB], right = tileB[atB + LargeQuads / 2];
                upperLeft = upperLeft.PlusOuterProduct(upper, left);
                upperRight = upperRight.PlusOuterProduct(upper, right);
                lowerLeft = lowerLeft.PlusOuterProduct(lower, left);
                lowerRight = lowerRight.PlusOuterProduct(lower, right);
                atA += LargeRow;
                atB += LargeRow;
            }

            present = Depth * LargeRow - present;
            operandA.Store(tileA, 4 * present, 0, LargeQuads, a0);
            operandA.Store(tileA, 4 * present, 1, LargeQuads, a1);
            operandB.Store(tileB, 4 * present, 0, LargeQuads, b0);
            operandB.Store(tileB, 4 * present, 1, LargeQuads, b1);
            Group.Barrier();
        }

        var output = new MatMulOutput(shape, Grid.IdxZ);
        int row = firstRow + 4 * y, column = firstColumn + 4 * x;
        output.Store(shape, c, bias, row, column, upperLeft);
        output.Store(shape, c, bias, row, column + SmallTile, upperRight);
        output.Store(shape, c, bias, row + SmallTile, column, lowerLeft);
        output.Store(shape, c, bias, row + SmallTile, column + SmallTile, lowerRight);
        for (int quarter = 0; quarter < 4; quarter++)
            output.Activate(shape, c, row + (quarter >> 1) * SmallTile, column + (quarter & 1) * SmallTile);
    }

    [GpuKernel]
    public static void MultiplySmall(MatMulShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias, ArrayView<float> c)
    {
        ArrayView<Float4> tileA = SharedMemory.Allocate<Float4>(2 * Depth * SmallRow), tileB = SharedMemory.Allocate<Float4>(2 * Depth * SmallRow);
        int thread = Group.IdxX, x = thread & 15, y = thread >> 4;
        int firstRow = Grid.IdxX * SmallTile, firstColumn = Grid.IdxY * SmallTile;
        int depth = Grid.IdxZ * shape.DepthOfLayer;
        int end = depth + shape.DepthOfLayer < shape.K ? depth + shape.DepthOfLayer : shape.K;
        var operandA = new MatMulOperandTile(shape.RowStrideA, shape.DepthStrideA, shape.M, firstRow, thread, SmallQuads);
        var operandB = new MatMulOperandTile(shape.ColumnStrideB, shape.DepthStrideB, shape.N, firstColumn, thread, SmallQuads);

        Float4 nextA = operandA.Load(a, depth, end, 0), nextB = operandB.Load(b, depth, end, 0);
        operandA.Store(tileA, 0, 0, SmallQuads, nextA);
        operandB.Store(tileB, 0, 0, SmallQuads, nextB);
        Group.Barrier();

        Sums4x4 sums = default;
        int present = 0;
        for (; depth < end; depth += Depth)
        {
            nextA = operandA.Load(a, depth + Depth, end, 0);
            nextB = operandB.Load(b, depth + Depth, end, 0);

            int atA = present + y, atB = present + x;
            for (int i = 0; i < Depth; i += 4)
            {
                sums = sums.PlusOuterProduct(tileA[atA], tileB[atB]);
                sums = sums.PlusOuterProduct(tileA[atA + SmallRow], tileB[atB + SmallRow]);
                sums = sums.PlusOuterProduct(tileA[atA + 2 * SmallRow], tileB[atB + 2 * SmallRow]);
                sums = sums.PlusOuterProduct(tileA[atA + 3 * SmallRow], tileB[atB + 3 * SmallRow]);
                atA += 4 * SmallRow;
                atB += 4 * SmallRow;
            }

            present = Depth * SmallRow - present;
            operandA.Store(tileA, 4 * present, 0, SmallQuads, nextA);
            operandB.Store(tileB, 4 * present, 0, SmallQuads, nextB);
            Group.Barrier();
        }

        var output = new MatMulOutput(shape, Grid.IdxZ);
        int row = firstRow + 4 * y, column = firstColumn + 4 * x;
        output.Store(shape, c, bias, row, column, sums);
        output.Activate(shape, c, row, column);
    }
}
