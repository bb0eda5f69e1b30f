using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Up to four rows times a matrix that is not transposed, as in predictions: it takes as long as reading the matrix. A group
/// has 32 columns of it, and eight threads share out the depth of each, every eighth row to one, so that neighbours read
/// neighbours.
/// </summary>
internal static class MatMulFewRowsKernel
{
    /// <summary>The most rows.</summary>
    public const int Rows = 4;

    /// <summary>Columns of a group.</summary>
    public const int Columns = 32;

    private const int Slices = MatMulTileKernels.Threads / Columns;

    [GpuKernel]
    public static void Multiply(MatMulShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias, ArrayView<float> c)
    {
        ArrayView<float> parts = SharedMemory.Allocate<float>(Rows * Slices * Columns);
        int thread = Group.IdxX, lane = thread % Columns, slice = thread / Columns, column = Grid.IdxX * Columns + lane;
        int start = Grid.IdxZ * shape.DepthOfLayer;
        int end = start + shape.DepthOfLayer < shape.K ? start + shape.DepthOfLayer : shape.K;
        float sum0 = 0f, sum1 = 0f, sum2 = 0f, sum3 = 0f;
        if (column < shape.N)
        {
            // Rows that are not there read the last one again; their sums go nowhere.
            int last = shape.M - 1, row1 = (last < 1 ? last : 1) * shape.RowStrideA, row2 = (last < 2 ? last : 2) * shape.RowStrideA, row3 = last * shape.RowStrideA;
            for (int k = start + slice; k < end; k += Slices)
            {
                float factor = b[k * shape.DepthStrideB + column];
                int at = k * shape.DepthStrideA;
                sum0 += a[at] * factor;
                sum1 += a[at + row1] * factor;
                sum2 += a[at + row2] * factor;
                sum3 += a[at + row3] * factor;
            }
        }

        parts[thread] = sum0;
        parts[Slices * Columns + thread] = sum1;
        parts[2 * Slices * Columns + thread] = sum2;
        parts[3 * Slices * Columns + thread] = sum3;
        Group.Barrier();
        if (slice < shape.M && column < shape.N)
        {
            int at = slice * Slices * Columns + lane;
            float sum = parts[at];
            for (int i = 1; i < Slices; i++)
                sum += parts[at + i * Columns];
            shape.Finish(c, (Grid.IdxZ * shape.M + slice) * shape.N + column, sum, bias, column);
        }
    }
}
