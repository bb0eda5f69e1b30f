using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Pooling, forward. Channels are contiguous, so a register holds neighbouring channels of one pixel and a window is
/// walked pixel by pixel, with no work across lanes. One row of outputs is a unit of work.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners)
    {
        if (winners is null)
            MaxPool(shape, Pointer(x), Pointer(y), default(NoPlaces));
        else if (shape.PlacesAreBytes)
            MaxPool(shape, Pointer(x), Pointer(y), new BytePlaces((byte*)Pointer(winners)));
        else
            MaxPool(shape, Pointer(x), Pointer(y), new WidePlaces(Pointer(winners)));
    }

    internal override void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        if (accumulate)
            ForEachOutputRow(new AveragePoolKernel<Accumulate>(arguments, Pointer(x), Pointer(y)), arguments.Shape);
        else
            ForEachOutputRow(new AveragePoolKernel<Overwrite>(arguments, Pointer(x), Pointer(y)), arguments.Shape);
    }

    private void MaxPool<TPlaces>(in PoolingShape shape, float* x, float* y, TPlaces winners)
        where TPlaces : struct, IPoolingPlaces => ForEachOutputRow(new MaxPoolKernel<TPlaces>(shape, x, y, winners), shape);

    // What a row of outputs costs is the rows of inputs that it reads.
    private void ForEachOutputRow<TKernel>(in TKernel kernel, in PoolingShape shape)
        where TKernel : struct, IRangeKernel
    {
        long inputs = (long)Math.Min(shape.Rows.Window, shape.Rows.Length) * shape.Columns.Length * shape.Channels;
        ForEachRange(kernel, shape.Batch * shape.Rows.OutputLength, (int)Math.Min(inputs, int.MaxValue));
    }

    private readonly struct MaxPoolKernel<TPlaces>(PoolingShape shape, float* x, float* y, TPlaces winners) : IRangeKernel
        where TPlaces : struct, IPoolingPlaces
    {
        private readonly PoolingShape _shape = shape;
        private readonly TPlaces _winners = winners;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis rows = _shape.Rows, columns = _shape.Columns;
            nint inputRow = (nint)columns.Length * _shape.Channels, outputRow = (nint)columns.OutputLength * _shape.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, rows.OutputLength);
                rows.Places(row, out int first, out int last);
                float* image = x + (nint)example * rows.Length * inputRow;
                if (rows is { Window: 2, Dilation: 1 } && columns is { Window: 2, Stride: 2, Padding: 0, Dilation: 1 } && first == 0 && last == 2)
                {
                    // The last window may stick out (rounded up).
                    int whole = columns.Length / 2 < columns.OutputLength ? columns.OutputLength - 1 : columns.OutputLength;
                    PairRows<TSimd>(image + rows.Start(row) * inputRow, inputRow, unit * outputRow, whole);
                    if (whole < columns.OutputLength)
                        Row<TSimd>(image, row, whole, unit * outputRow + (nint)whole * _shape.Channels);
                }
                else
                {
                    Row<TSimd>(image, row, 0, unit * outputRow);
                }
            }
        }

        /// <summary>The usual case, windows of 2 by 2 side by side.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void PairRows<TSimd>(float* top, nint inputRow, nint output, int outputs)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint channels = _shape.Channels;
            TPlaces winners = _winners;
            float* destination = y;
            for (int i = 0; i < outputs; i++)
            {
                nint channel = 0;
                for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                    Square<TSimd, AllLanes>(top + channel, channels, inputRow, destination, winners, output + channel, TSimd.Width);
                if (channel < channels)
                    Square<TSimd, FirstLanes>(top + channel, channels, inputRow, destination, winners, output + channel, (int)(channels - channel));
                top += 2 * channels;
                output += channels;
            }
        }

        // As in Any, but with the four values at once: the winners of the rows, then the winner of these.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Square<TSimd, TLanes>(float* top, nint right, nint below, float* y, TPlaces winners, nint output, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            float* bottom = top + below;
            TSimd a = TLanes.Load<TSimd>(top, count), b = TLanes.Load<TSimd>(top + right, count);
            TSimd c = TLanes.Load<TSimd>(bottom, count), d = TLanes.Load<TSimd>(bottom + right, count);
            TSimd bestAbove = TSimd.Max(b, a), bestBelow = TSimd.Max(d, c), best = TSimd.Max(bestBelow, bestAbove);
            TSimd above = TSimd.Select(TSimd.LessThan(a, b), TSimd.Create(1f), TSimd.Zero);
            TSimd under = TSimd.Select(TSimd.LessThan(c, d), TSimd.Create(3f), TSimd.Create(2f));
            TSimd winner = TSimd.Select(TSimd.LessThan(bestAbove, bestBelow), under, above);
            if (TSimd.HasNaN(a + b + (c + d)))
            {
                WithNaN<TSimd, TLanes>(new Window(top, 2, 2, below, right), 0, 2, 0, y, winners, output, count);
                return;
            }

            TLanes.Store(best, y + output, count);
            winners.Store<TSimd, TLanes>(winner, output, count);
        }

        /// <summary>Outputs of a row from <paramref name="firstOutput"/> on, with any windows.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Row<TSimd>(float* image, int row, int firstOutput, nint output)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis rows = _shape.Rows, columns = _shape.Columns;
            nint channels = _shape.Channels, inputRow = columns.Length * channels;
            TPlaces winners = _winners;
            float* destination = y;
            rows.Places(row, out int firstRow, out int endRow);
            for (int i = firstOutput; i < columns.OutputLength; i++)
            {
                columns.Places(i, out int firstColumn, out int endColumn);
                var window = new Window(
                    image + ((nint)rows.Start(row) + (nint)firstRow * rows.Dilation) * inputRow + ((nint)columns.Start(i) + (nint)firstColumn * columns.Dilation) * channels,
                    endRow - firstRow, endColumn - firstColumn, rows.Dilation * inputRow, columns.Dilation * channels);
                int place = firstRow * columns.Window + firstColumn;
                nint channel = 0;
                for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                    Any<TSimd, AllLanes>(window, place, columns.Window, channel, destination, winners, output + channel, TSimd.Width);
                if (channel < channels)
                    Any<TSimd, FirstLanes>(window, place, columns.Window, channel, destination, winners, output + channel, (int)(channels - channel));
                output += channels;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Any<TSimd, TLanes>(in Window window, int place, int placesPerRow, nint channel, float* y, TPlaces winners, nint output, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            // Comparisons and maxima lose a NaN. A sum does not; nor does it always come of one (∞ − ∞), which costs time only.
            bool isEmpty = window.Rows <= 0 || window.Columns <= 0;
            float* line = window.First + channel;
            TSimd best = isEmpty ? TSimd.Create(float.NegativeInfinity) : TLanes.Load<TSimd>(line, count);
            TSimd lineStart = TSimd.Create(isEmpty ? 0 : place), winner = lineStart, sum = TSimd.Zero;
            TSimd one = TSimd.Create(1f), step = TSimd.Create(placesPerRow);
            for (int i = 0; i < window.Rows; i++)
            {
                float* pixel = line;
                TSimd current = lineStart;
                int j = 0;
                for (; j <= window.Columns - 3; j += 3)
                {
                    TSimd a = TLanes.Load<TSimd>(pixel, count), b = TLanes.Load<TSimd>(pixel + window.ToNextColumn, count);
                    TSimd c = TLanes.Load<TSimd>(pixel + 2 * window.ToNextColumn, count);
                    TSimd bestPair = TSimd.Max(b, a), bestOfThree = TSimd.Max(c, bestPair);
                    TSimd ofThree = TSimd.Select(TSimd.LessThan(bestPair, c), TSimd.Create(2f), TSimd.Select(TSimd.LessThan(a, b), one, TSimd.Zero));
                    winner = TSimd.Select(TSimd.LessThan(best, bestOfThree), current + ofThree, winner);
                    best = TSimd.Max(bestOfThree, best);
                    sum += a + b + c;
                    current += TSimd.Create(3f);
                    pixel += 3 * window.ToNextColumn;
                }

                for (; j < window.Columns; j++)
                {
                    TSimd value = TLanes.Load<TSimd>(pixel, count);
                    winner = TSimd.Select(TSimd.LessThan(best, value), current, winner);
                    best = TSimd.Max(value, best);
                    sum += value;
                    current += one;
                    pixel += window.ToNextColumn;
                }

                lineStart += step;
                line += window.ToNextRow;
            }

            if (TSimd.HasNaN(sum))
            {
                WithNaN<TSimd, TLanes>(window, place, placesPerRow, channel, y, winners, output, count);
                return;
            }

            TLanes.Store(best, y + output, count);
            winners.Store<TSimd, TLanes>(winner, output, count);
        }

        /// <summary>The same, place by place, for a window that holds NaN or opposite infinities.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void WithNaN<TSimd, TLanes>(Window window, int place, int placesPerRow, nint channel, float* y, TPlaces winners, nint output, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            float* line = window.First + channel;
            TSimd best = TLanes.Load<TSimd>(line, count), winner = TSimd.Create(place);
            for (int i = 0; i < window.Rows; i++)
            {
                for (int j = 0; j < window.Columns; j++)
                {
                    TSimd value = TLanes.Load<TSimd>(line + j * window.ToNextColumn, count);
                    winner = Winner(best, value, winner, TSimd.Create(place + j));
                    best = Winner(best, value, best, value);
                }

                place += placesPerRow;
                line += window.ToNextRow;
            }

            TLanes.Store(best, y + output, count);
            winners.Store<TSimd, TLanes>(winner, output, count);
        }

        /// <summary>The second of two things where the value beats the best so far, by size or by being NaN; else the first.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TSimd Winner<TSimd>(TSimd best, TSimd value, TSimd first, TSimd second)
            where TSimd : unmanaged, ISimd<TSimd> =>
            TSimd.Select(TSimd.Equal(value, value), TSimd.Select(TSimd.LessThan(best, value), second, first), second);
    }

    /// <summary>The part of a window that lies on the image: where it begins, how large it is, and how to walk it.</summary>
    private readonly struct Window(float* first, int rows, int columns, nint toNextRow, nint toNextColumn)
    {
        public readonly float* First = first;
        public readonly int Rows = rows, Columns = columns;
        public readonly nint ToNextRow = toNextRow, ToNextColumn = toNextColumn;
    }

    private readonly struct AveragePoolKernel<TOutput>(AveragePoolingArguments arguments, float* x, float* y) : IRangeKernel
        where TOutput : IOutput
    {
        private const int PixelsPerRun = 64;
        private readonly AveragePoolingArguments _arguments = arguments;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingShape shape = _arguments.Shape;
            nint outputRow = (nint)shape.Columns.OutputLength * shape.Channels;
            nint image = (nint)shape.Rows.Length * shape.Columns.Length * shape.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, shape.Rows.OutputLength);
                Row<TSimd>(x + example * image, row, y + unit * outputRow);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Row<TSimd>(float* image, int row, float* output)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis rows = _arguments.Shape.Rows, columns = _arguments.Shape.Columns;
            nint channels = _arguments.Shape.Channels, inputRow = columns.Length * channels;
            bool hasOneFactor = _arguments.HasOneFactor;
            var factor = (float)_arguments.Factor(0, 0);
            rows.Places(row, out int firstRow, out int endRow);
            for (int i = 0; i < columns.OutputLength; i++)
            {
                columns.Places(i, out int firstColumn, out int endColumn);
                if (!hasOneFactor)
                    factor = (float)_arguments.Factor(row, i);
                var window = new Window(
                    image + ((nint)rows.Start(row) + (nint)firstRow * rows.Dilation) * inputRow + ((nint)columns.Start(i) + (nint)firstColumn * columns.Dilation) * channels,
                    endRow - firstRow, endColumn - firstColumn, rows.Dilation * inputRow, columns.Dilation * channels);
                nint channel = 0;
                for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                    TOutput.Write<TSimd, AllLanes>(Sum<TSimd, AllLanes>(window, channel, TSimd.Width) * TSimd.Create(factor), output + channel, TSimd.Width);
                if (channel < channels)
                {
                    int count = (int)(channels - channel);
                    TOutput.Write<TSimd, FirstLanes>(Sum<TSimd, FirstLanes>(window, channel, count) * TSimd.Create(factor), output + channel, count);
                }

                output += channels;
            }
        }

        // Row by row and some pixels at a time, so that rounding does not grow with the window's area.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TSimd Sum<TSimd, TLanes>(in Window window, nint channel, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd sum = TSimd.Zero;
            float* line = window.First + channel;
            if (window is { Rows: 2, Columns: 2 })
            {
                float* below = line + window.ToNextRow;
                sum = TLanes.Load<TSimd>(line, count) + TLanes.Load<TSimd>(line + window.ToNextColumn, count);
                return sum + (TLanes.Load<TSimd>(below, count) + TLanes.Load<TSimd>(below + window.ToNextColumn, count));
            }

            for (int i = 0; i < window.Rows; i++)
            {
                float* pixel = line;
                for (int j = 0; j < window.Columns;)
                {
                    TSimd runSum = TSimd.Zero;
                    for (int end = Math.Min(j + PixelsPerRun, window.Columns); j < end; j++)
                    {
                        runSum += TLanes.Load<TSimd>(pixel, count);
                        pixel += window.ToNextColumn;
                    }

                    sum += runSum;
                }

                line += window.ToNextRow;
            }

            return sum;
        }
    }
}
