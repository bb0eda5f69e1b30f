using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The matrix product's entry: chooses the vector width and divides C among the threads.</summary>
internal sealed unsafe partial class CpuDevice
{
    // About 5 µs of work for a thread at full speed; less is not worth waking one.
    private const long MultiplicationsPerChunk = 1 << 19;

    /// <inheritdoc/>
    /// <remarks>
    /// Every element of C is computed in the same order at any number of threads, any vector width and any M: products are
    /// added in ascending k within a block of at most <see cref="MatMulBlock{TSimd}.MaximumDepth"/> steps and the blocks'
    /// sums in ascending order. So a row scored alone and within a batch gives the same bits, as long as the processor
    /// has FMA (without it the scalar and vector roundings still agree: both round twice). There is one exception: a single
    /// row times a transposed B, which predictions do not use, is summed lane by lane, which depends on the vector width,
    /// and its bits may differ from those of the same row in a batch; not with the number of threads.
    /// </remarks>
    internal override void MatMul(in MatMulArguments arguments)
    {
        switch (InstructionSet)
        {
            case InstructionSet.Vector512:
                MatMul<Simd512>(arguments);
                break;
            case InstructionSet.Vector256:
                MatMul<Simd256>(arguments);
                break;
            case InstructionSet.Vector128:
                MatMul<Simd128>(arguments);
                break;
            default:
                MatMul<SimdScalar>(arguments);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MatMul<TSimd>(in MatMulArguments arguments)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (arguments.M == 0 || arguments.N == 0)
            return;

        var work = new MatMulWork<TSimd>(this, arguments);
        long chunks = 1;
        if (Workers.Threads > 1)
        {
            // Four chunks per thread: more would even out delays better, but pack and read the operands more often.
            long multiplications = (long)arguments.M * arguments.N * arguments.K;
            chunks = Math.Min(4 * Workers.Threads, multiplications / MultiplicationsPerChunk);
        }

        Workers.Run(work.Divide((int)Math.Max(chunks, 1)), ref work);
        GC.KeepAlive(arguments.A);
        GC.KeepAlive(arguments.B);
        GC.KeepAlive(arguments.C);
        GC.KeepAlive(arguments.Bias);
    }

    /// <summary>A matrix product divided into rectangles of C, one chunk each.</summary>
    private struct MatMulWork<TSimd>(CpuDevice device, in MatMulArguments arguments) : IChunkedWork
        where TSimd : unmanaged, ISimd<TSimd>
    {
        private readonly MatMulBlock<TSimd> _matrices = new(arguments);
        private readonly Activation _activation = arguments.Accumulate ? Activation.Identity : arguments.Activation;
        private int _rowParts, _columnParts;

        /// <summary>Divides C into at least the given number of rectangles, if it is large enough, and returns how many.</summary>
        public int Divide(int parts)
        {
            if (_matrices.IsSparse)
            {
                _columnParts = 1;
                return _rowParts = Math.Min(parts, _matrices.M);
            }

            // Every part reads its own rows of A and columns of B: the shape that reads least in all wins.
            int rowTiles = DivideUp(_matrices.M, MatMulTile<TSimd>.MaximumRows);
            int columnTiles = DivideUp(_matrices.N, MatMulTile<TSimd>.Columns);
            parts = (int)Math.Min(parts, (long)rowTiles * columnTiles);
            if (_matrices.M == 1 && !_matrices.TransposeB)
                parts = Math.Min(parts, DivideUp(_matrices.N, MatMulRow<TSimd>.MinimumColumns));
            long least = long.MaxValue;
            for (int columnParts = Math.Min(parts, columnTiles); columnParts > 0; columnParts--)
            {
                int rowParts = Math.Min(rowTiles, DivideUp(parts, columnParts));
                long read = (long)_matrices.M * columnParts + (long)_matrices.N * rowParts;
                if (rowParts * columnParts >= parts && read < least)
                    (least, _rowParts, _columnParts) = (read, rowParts, columnParts);
            }

            return _rowParts * _columnParts;
        }

        public void Execute(int chunk)
        {
            int rowPart = chunk / _columnParts, columnPart = chunk % _columnParts;
            int tiles = DivideUp(_matrices.N, MatMulTile<TSimd>.Columns);
            int firstRow = Share(_matrices.M, rowPart, _rowParts), lastRow = Share(_matrices.M, rowPart + 1, _rowParts);
            int firstColumn = Share(tiles, columnPart, _columnParts) * MatMulTile<TSimd>.Columns;
            int lastColumn = Math.Min(Share(tiles, columnPart + 1, _columnParts) * MatMulTile<TSimd>.Columns, _matrices.N);
            _matrices.Multiply(device.Buffers, firstRow, lastRow - firstRow, firstColumn, lastColumn - firstColumn);

            if (!MatMulEpilogue.Covers(_activation.Kind))
            {
                for (int row = firstRow; row < lastRow; row++)
                    device.ActivateInPlace(_activation, _matrices.C + (nint)row * _matrices.N + firstColumn, lastColumn - firstColumn);
            }
        }

        private static int DivideUp(int a, int b) => (a + b - 1) / b;

        private static int Share(int whole, int part, int parts) => (int)((long)whole * part / parts);
    }
}
