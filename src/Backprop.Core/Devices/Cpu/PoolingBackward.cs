using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Pooling, backward. Windows that do not overlap are spread out, output by output. Else each input gathers what the
/// outputs over it give: nothing is written twice, and the order of the sum is that of the outputs.
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
            ForEachRange(new PoolGatherKernel<TShare, TOutput>(shape, share, gradInput), shape.Batch * shape.Rows.Length, inputRow);
    }

    /// <summary>What an output gives to a place of its window.</summary>
    private interface IPoolingShare
    {
        /// <summary>The reciprocal of the divisor, where there is one.</summary>
        public float Factor(int row, int column);

        /// <summary>The share of some neighbouring channels of an output.</summary>
        public TSimd Of<TSimd, TLanes>(nint output, int count, float place, float factor)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes;
    }

    /// <summary>The gradient to the place that won, 0 to the others.</summary>
    private readonly struct MaxPoolShare<TPlaces>(TPlaces winners, float* gradOutput) : IPoolingShare
        where TPlaces : struct, IPoolingPlaces
    {
        private readonly TPlaces _winners = winners;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float Factor(int row, int column) => 1f;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TSimd Of<TSimd, TLanes>(nint output, int count, float place, float factor)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TSimd.Equal(_winners.Load<TSimd, TLanes>(output, count), TSimd.Create(place)) & TLanes.Load<TSimd>(gradOutput + output, count);
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
        public TSimd Of<TSimd, TLanes>(nint output, int count, float place, float factor)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes => TLanes.Load<TSimd>(gradOutput + output, count) * TSimd.Create(factor);
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
                for (int place = 0; place < next - first; place++)
                {
                    float* destination = gradInput + ((nint)example * rows.Length + first + place) * inputRow;
                    if (place < places)
                        Row<TSimd>(unit, row, place, destination);
                    else
                        Nothing(destination, inputRow);
                }
            }
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
                    float place = rowPlace * columns.Window + j;
                    nint channel = 0;
                    for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                        TOutput.Write<TSimd, AllLanes>(share.Of<TSimd, AllLanes>(output + channel, TSimd.Width, place, factor), destination + channel, TSimd.Width);
                    if (channel < channels)
                    {
                        int count = (int)(channels - channel);
                        TOutput.Write<TSimd, FirstLanes>(share.Of<TSimd, FirstLanes>(output + channel, count, place, factor), destination + channel, count);
                    }

                    destination += channels;
                }

                nint gap = (next - columns.Start(i) - places) * channels;
                if (gap > 0)
                    Nothing(destination, gap);
                destination += gap;
                output += channels;
            }
        }

        /// <summary>No window sees these.</summary>
        private static void Nothing(float* destination, nint length)
        {
            if (typeof(TOutput) == typeof(Overwrite))
                new Span<float>(destination, (int)length).Clear();
        }
    }

    /// <summary>A unit is one row of inputs.</summary>
    private readonly struct PoolGatherKernel<TShare, TOutput>(PoolingShape shape, TShare share, float* gradInput) : IRangeKernel
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
            nint channels = _shape.Channels;
            rows.Outputs(row, out int firstRow, out int endRow);
            for (int i = 0; i < columns.Length; i++)
            {
                columns.Outputs(i, out int firstColumn, out int endColumn);
                var over = new Outputs(example, row, i, firstRow, endRow, firstColumn, endColumn);
                nint channel = 0;
                for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                    TOutput.Write<TSimd, AllLanes>(Gather<TSimd, AllLanes>(over, channel, TSimd.Width), destination + channel, TSimd.Width);
                if (channel < channels)
                {
                    int count = (int)(channels - channel);
                    TOutput.Write<TSimd, FirstLanes>(Gather<TSimd, FirstLanes>(over, channel, count), destination + channel, count);
                }

                destination += channels;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private TSimd Gather<TSimd, TLanes>(in Outputs over, nint channel, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd sum = TSimd.Zero;
            for (int i = over.FirstRow; i < over.EndRow; i++)
            {
                int rowPlace = _shape.Rows.PlaceOf(over.InputRow, i);
                if (rowPlace < 0)
                    continue;
                nint output = (((nint)over.Example * _shape.Rows.OutputLength + i) * _shape.Columns.OutputLength + over.FirstColumn) * _shape.Channels + channel;
                for (int j = over.FirstColumn; j < over.EndColumn; j++)
                {
                    int columnPlace = _shape.Columns.PlaceOf(over.InputColumn, j);
                    if (columnPlace >= 0)
                        sum += _share.Of<TSimd, TLanes>(output, count, rowPlace * _shape.Columns.Window + columnPlace, _share.Factor(i, j));
                    output += _shape.Channels;
                }
            }

            return sum;
        }
    }

    /// <summary>The outputs whose windows reach over one input.</summary>
    private readonly record struct Outputs(int Example, int InputRow, int InputColumn, int FirstRow, int EndRow, int FirstColumn, int EndColumn);
}
