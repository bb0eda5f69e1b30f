using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The limit on the norms of a matrix's columns, in three launches: squares of short runs of rows, factors of the columns,
/// scaling. So there are threads enough where columns are few and long, and neighbouring threads read neighbouring columns.
/// </summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, Divisor, int, int>? _columnSquares;
    private Action<AcceleratorStream, KernelConfig, float, ArrayView<float>, int, int>? _columnFactors;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, Divisor, int>? _scaleColumns;

    internal override void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns)
    {
        if (rows == 0 || columns == 0)
            return;
        int runs = (rows + ColumnNormKernels.RowsPerRun - 1) / ColumnNormKernels.RowsPerRun;
        GpuBlock sums = _buffers.Rent(runs * columns);
        var divisor = new Divisor(columns);
        Kernel(ref _columnSquares, ColumnNormKernels.Squares)(_stream, GridFor(runs * columns), Floats(x), sums.Floats, divisor, rows, columns);
        Kernel(ref _columnFactors, ColumnNormKernels.Factors)(_stream, GridFor(columns), maximum, sums.Floats, runs, columns);
        Kernel(ref _scaleColumns, ColumnNormKernels.Scale)(_stream, GridFor(rows * columns), sums.Floats, Floats(x), divisor, rows * columns);
        _buffers.Return(sums);
    }
}

/// <summary>What runs on the device.</summary>
internal static class ColumnNormKernels
{
    /// <summary>Squares are summed over short runs of rows only, as on the processor, so that their error does not grow with the rows.</summary>
    public const int RowsPerRun = 32;

    [GpuKernel]
    public static void Squares(ArrayView<float> x, ArrayView<float> sums, Divisor columnsDivisor, int rows, int columns)
    {
        int length = (rows + RowsPerRun - 1) / RowsPerRun * columns;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int first = columnsDivisor.Split(i, out int column) * RowsPerRun, end = Math.Min(first + RowsPerRun, rows);
            float sum = 0f;
            for (int row = first; row < end; row++)
            {
                float value = x[row * columns + column];
                sum += value * value;
            }

            sums[i] = sum;
        }
    }

    /// <summary>Puts the factor of each column in place of its first sum.</summary>
    [GpuKernel]
    public static void Factors(float maximum, ArrayView<float> sums, int runs, int columns)
    {
        for (int column = GridStride.First; column < columns; column += GridStride.Step)
        {
            float sum = 0f;
            for (int run = 0; run < runs; run++)
                sum += sums[run * columns + column];
            float norm = MathF.Sqrt(sum);
            sums[column] = norm > maximum ? maximum / norm : 1f;
        }
    }

    [GpuKernel]
    public static void Scale(ArrayView<float> factors, ArrayView<float> x, Divisor columnsDivisor, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            columnsDivisor.Split(i, out int column);
            float factor = factors[column];
            if (factor != 1f)
                x[i] *= factor;
        }
    }
}
