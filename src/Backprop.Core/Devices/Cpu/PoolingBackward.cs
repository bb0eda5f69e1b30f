using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Pooling, backward. Windows that do not overlap are spread out, each input written once. Else a row of inputs is one
/// unit of work, to which the outputs over it add in their order, whoever does it.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (shape.PlacesAreBytes)
            PoolBackward(shape, new MaxPoolShare<BytePlaces>(new BytePlaces((byte*)Pointer(winners)), Pointer(gradOutput)), Pointer(gradInput), accumulate);
        else
            PoolBackward(shape, new MaxPoolShare<WidePlaces>(new WidePlaces(Pointer(winners)), Pointer(gradOutput)), Pointer(gradInput), accumulate);
    }

    internal override void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        PoolBackward(arguments.Shape, new AveragePoolShare(arguments, Pointer(gradOutput)), Pointer(gradInput), accumulate);

    private void PoolBackward<TShare>(in PoolingShape shape, in TShare share, float* gradInput, bool accumulate)
        where TShare : struct, IPoolingShare
    {
        if (accumulate)
            PoolBackward<TShare, Accumulate>(shape, share, gradInput);
        else
            PoolBackward<TShare, Overwrite>(shape, share, gradInput);
    }

    private void PoolBackward<TShare, TOutput>(in PoolingShape shape, in TShare share, float* gradInput)
        where TShare : struct, IPoolingShare
        where TOutput : IOutput
    {
        int inputRow = shape.Columns.Length * shape.Channels;
        if (shape is { Rows.IsTiled: true, Columns.IsTiled: true, Rows.OutputLength: > 0, Columns.OutputLength: > 0 })
            ForEachRange(
                new PoolSpreadKernel<TShare, TOutput>(shape, share, gradInput), shape.Batch * shape.Rows.OutputLength,
                (int)Math.Min((long)shape.Rows.Length * inputRow / shape.Rows.OutputLength, int.MaxValue));
        else
            ForEachRange(new PoolAddKernel<TShare, TOutput>(shape, share, gradInput), shape.Batch * shape.Rows.Length, inputRow);
    }

    /// <summary>What an output gives to a place of its window.</summary>
    private interface IPoolingShare
    {
        /// <summary>The reciprocal of the divisor, where there is one.</summary>
        public float Factor(int row, int column);

        /// <summary>Reads what some neighbouring channels of an output have to give, and to which place where that matters.</summary>
        public void Load<TSimd, TLanes>(nint output, int count, float factor, out TSimd gradient, out TSimd winner)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes;

        /// <summary>What of that a place gets.</summary>
        public static abstract TSimd At<TSimd>(TSimd gradient, TSimd winner, TSimd place)
            where TSimd : unmanaged, ISimd<TSimd>;
    }

    /// <summary>The gradient to the place that won, 0 to the others.</summary>
    private readonly struct MaxPoolShare<TPlaces>(TPlaces winners, float* gradOutput) : IPoolingShare
        where TPlaces : struct, IPoolingPlaces
    {
        private readonly TPlaces _winners = winners;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Factor(int row, int column) => 1f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load<TSimd, TLanes>(nint output, int count, float factor, out TSimd gradient, out TSimd winner)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            gradient = TLanes.Load<TSimd>(gradOutput + output, count);
            winner = _winners.Load<TSimd, TLanes>(output, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TSimd At<TSimd>(TSimd gradient, TSimd winner, TSimd place)
            where TSimd : unmanaged, ISimd<TSimd> => TSimd.Select(TSimd.Equal(winner, place), gradient, TSimd.Zero);
    }

    /// <summary>The gradient over the divisor to every place.</summary>
    private readonly struct AveragePoolShare(AveragePoolingArguments arguments, float* gradOutput) : IPoolingShare
    {
        private readonly AveragePoolingArguments _arguments = arguments;
        private readonly bool _hasOneFactor = arguments.HasOneFactor;
        private readonly float _factor = arguments.HasOneFactor && arguments.Shape is { Rows.OutputLength: > 0, Columns.OutputLength: > 0 } ? (float)arguments.Factor(0, 0) : 0f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Factor(int row, int column) => _hasOneFactor ? _factor : (float)_arguments.Factor(row, column);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load<TSimd, TLanes>(nint output, int count, float factor, out TSimd gradient, out TSimd winner)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            gradient = TLanes.Load<TSimd>(gradOutput + output, count) * TSimd.Create(factor);
            winner = TSimd.Zero;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TSimd At<TSimd>(TSimd gradient, TSimd winner, TSimd place)
            where TSimd : unmanaged, ISimd<TSimd> => gradient;
    }

    /// <summary>A unit is one row of outputs and the rows of inputs from its windows' beginning to the next ones'.</summary>
    private readonly struct PoolSpreadKernel<TShare, TOutput>(PoolingShape shape, TShare share, float* gradInput) : IRangeKernel
        where TShare : struct, IPoolingShare
        where TOutput : IOutput
    {
        private readonly PoolingShape _shape = shape;
        private readonly TShare _share = share;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis rows = _shape.Rows;
            nint inputRow = (nint)_shape.Columns.Length * _shape.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, rows.OutputLength);
                rows.Places(row, out _, out int places);
                int first = rows.Start(row), next = row == rows.OutputLength - 1 ? rows.Length : rows.Start(row + 1);
                int done = 0;
                if (places == 2 && _shape.Columns is { Window: 2, Stride: 2 } columns && columns.OutputLength * 2 == columns.Length)
                {
                    PairRows<TSimd>(unit, row, gradInput + ((nint)example * rows.Length + first) * inputRow);
                    done = 2;
                }

                for (int place = done; place < next - first; place++)
                {
                    float* destination = gradInput + ((nint)example * rows.Length + first + place) * inputRow;
                    if (place < places)
                        Row<TSimd>(unit, row, place, destination);
                    else
                        Nothing(destination, inputRow);
                }
            }
        }

        /// <summary>The usual case, windows of 2 by 2 side by side: both rows at once.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void PairRows<TSimd>(int unit, int row, float* top)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int outputs = _shape.Columns.OutputLength;
            nint channels = _shape.Channels, inputRow = _shape.Columns.Length * channels, output = unit * outputs * channels;
            TShare share = _share;
            for (int i = 0; i < outputs; i++)
            {
                float factor = share.Factor(row, i);
                nint channel = 0;
                for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                    Square<TSimd, AllLanes>(share, output + channel, TSimd.Width, factor, top + channel, channels, inputRow);
                if (channel < channels)
                    Square<TSimd, FirstLanes>(share, output + channel, (int)(channels - channel), factor, top + channel, channels, inputRow);
                top += 2 * channels;
                output += channels;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Square<TSimd, TLanes>(in TShare share, nint output, int count, float factor, float* top, nint right, nint below)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            share.Load<TSimd, TLanes>(output, count, factor, out TSimd gradient, out TSimd winner);
            TOutput.Write<TSimd, TLanes>(TShare.At(gradient, winner, TSimd.Zero), top, count);
            TOutput.Write<TSimd, TLanes>(TShare.At(gradient, winner, TSimd.Create(1f)), top + right, count);
            TOutput.Write<TSimd, TLanes>(TShare.At(gradient, winner, TSimd.Create(2f)), top + below, count);
            TOutput.Write<TSimd, TLanes>(TShare.At(gradient, winner, TSimd.Create(3f)), top + below + right, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Row<TSimd>(int unit, int row, int rowPlace, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis columns = _shape.Columns;
            nint channels = _shape.Channels, output = unit * columns.OutputLength * channels;
            TShare share = _share;
            for (int i = 0; i < columns.OutputLength; i++)
            {
                columns.Places(i, out _, out int places);
                int next = i == columns.OutputLength - 1 ? columns.Length : columns.Start(i + 1);
                float factor = share.Factor(row, i);
                for (int j = 0; j < places; j++)
                {
                    TSimd place = TSimd.Create(rowPlace * columns.Window + j);
                    nint channel = 0;
                    for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                        Give<TSimd, AllLanes>(share, output + channel, TSimd.Width, factor, place, destination + channel);
                    if (channel < channels)
                        Give<TSimd, FirstLanes>(share, output + channel, (int)(channels - channel), factor, place, destination + channel);
                    destination += channels;
                }

                nint gap = (next - columns.Start(i) - places) * channels;
                if (gap > 0)
                    Nothing(destination, gap);
                destination += gap;
                output += channels;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Give<TSimd, TLanes>(in TShare share, nint output, int count, float factor, TSimd place, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            share.Load<TSimd, TLanes>(output, count, factor, out TSimd gradient, out TSimd winner);
            TOutput.Write<TSimd, TLanes>(TShare.At(gradient, winner, place), destination, count);
        }

        /// <summary>No window sees these.</summary>
        private static void Nothing(float* destination, nint length)
        {
            if (typeof(TOutput) == typeof(Overwrite))
                new Span<float>(destination, (int)length).Clear();
        }
    }

    /// <summary>A unit is one row of inputs.</summary>
    private readonly struct PoolAddKernel<TShare, TOutput>(PoolingShape shape, TShare share, float* gradInput) : IRangeKernel
        where TShare : struct, IPoolingShare
        where TOutput : IOutput
    {
        private readonly PoolingShape _shape = shape;
        private readonly TShare _share = share;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint inputRow = (nint)_shape.Columns.Length * _shape.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, _shape.Rows.Length);
                Row<TSimd>(example, row, gradInput + unit * inputRow);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private void Row<TSimd>(int example, int row, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            PoolingAxis rows = _shape.Rows, columns = _shape.Columns;
            nint channels = _shape.Channels, toNextColumn = columns.Dilation * channels;
            TShare share = _share;
            if (typeof(TOutput) == typeof(Overwrite))
                new Span<float>(destination, (int)(columns.Length * channels)).Clear();
            rows.Outputs(row, out int firstRow, out int endRow);
            for (int i = firstRow; i < endRow; i++)
            {
                int rowPlace = rows.PlaceOf(row, i);
                if (rowPlace < 0)
                    continue;
                nint output = ((nint)example * rows.OutputLength + i) * columns.OutputLength * channels;
                for (int j = 0; j < columns.OutputLength; j++)
                {
                    columns.Places(j, out int first, out int end);
                    float factor = share.Factor(i, j);
                    TSimd place = TSimd.Create(rowPlace * columns.Window + first);
                    float* window = destination + ((nint)columns.Start(j) + (nint)first * columns.Dilation) * channels;
                    nint channel = 0;
                    for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                        Add<TSimd, AllLanes>(share, output + channel, TSimd.Width, factor, place, window + channel, end - first, toNextColumn);
                    if (channel < channels)
                        Add<TSimd, FirstLanes>(share, output + channel, (int)(channels - channel), factor, place, window + channel, end - first, toNextColumn);
                    output += channels;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add<TSimd, TLanes>(in TShare share, nint output, int count, float factor, TSimd place, float* window, int places, nint toNextColumn)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            share.Load<TSimd, TLanes>(output, count, factor, out TSimd gradient, out TSimd winner);
            if (places == 3)
            {
                Accumulate.Write<TSimd, TLanes>(TShare.At(gradient, winner, place), window, count);
                Accumulate.Write<TSimd, TLanes>(TShare.At(gradient, winner, place + TSimd.Create(1f)), window + toNextColumn, count);
                Accumulate.Write<TSimd, TLanes>(TShare.At(gradient, winner, place + TSimd.Create(2f)), window + 2 * toNextColumn, count);
                return;
            }

            for (int i = 0; i < places; i++)
            {
                Accumulate.Write<TSimd, TLanes>(TShare.At(gradient, winner, place), window, count);
                place += TSimd.Create(1f);
                window += toNextColumn;
            }
        }
    }
}
