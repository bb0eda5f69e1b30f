using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Pooling. A thread makes one output from the inputs of its window, or one input's gradient from the outputs whose windows
/// hold it: nothing is added to by two threads, and sums have a fixed order.
/// </summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, PoolingShape, PixelWalk, ArrayView<float>, ArrayView<float>, ArrayView<byte>, ArrayView<float>, int, int>? _maxPool;
    private Action<AcceleratorStream, KernelConfig, PoolingShape, PixelWalk, ArrayView<byte>, ArrayView<float>, int, ArrayView<float>, ArrayView<float>, int, int>? _maxPoolBackward;
    private Action<AcceleratorStream, KernelConfig, PoolingShape, PixelWalk, AverageFactor, ArrayView<float>, ArrayView<float>, int, int>? _averagePool;
    private Action<AcceleratorStream, KernelConfig, PoolingShape, PixelWalk, AverageFactor, ArrayView<float>, ArrayView<float>, int, int>? _averagePoolBackward;

    internal override void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners)
    {
        int kind = winners is null ? PoolingKernels.NoWinners : WinnersOf(shape);
        MemoryBlock places = winners ?? y;
        Kernel(ref _maxPool, PoolingKernels.MaxPool)(
            _stream, GridFor(shape.OutputLength), shape, OutputsOf(shape), Floats(x), Floats(y), Bytes(places), Floats(places), kind, shape.OutputLength);
    }

    internal override void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Kernel(ref _maxPoolBackward, PoolingKernels.MaxPoolBackward)(
            _stream, GridFor(shape.InputLength), shape, InputsOf(shape), Bytes(winners), Floats(winners), WinnersOf(shape), Floats(gradOutput), Floats(gradInput),
            shape.InputLength, Flag(accumulate));

    internal override void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate) =>
        Kernel(ref _averagePool, PoolingKernels.AveragePool)(
            _stream, GridFor(arguments.Shape.OutputLength), arguments.Shape, OutputsOf(arguments.Shape), new AverageFactor(arguments), Floats(x), Floats(y),
            arguments.Shape.OutputLength, Flag(accumulate));

    internal override void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Kernel(ref _averagePoolBackward, PoolingKernels.AveragePoolBackward)(
            _stream, GridFor(arguments.Shape.InputLength), arguments.Shape, InputsOf(arguments.Shape), new AverageFactor(arguments), Floats(gradOutput), Floats(gradInput),
            arguments.Shape.InputLength, Flag(accumulate));

    private static ArrayView<byte> Bytes(MemoryBlock block) => ((GpuBlock)block).Bytes;

    private static int WinnersOf(in PoolingShape shape) => shape.PlacesAreBytes ? PoolingKernels.WinnersInBytes : PoolingKernels.WinnersInNumbers;

    private static PixelWalk OutputsOf(in PoolingShape shape) => new(shape.Rows.OutputLength, shape.Columns.OutputLength, shape.Channels);

    private static PixelWalk InputsOf(in PoolingShape shape) => new(shape.Rows.Length, shape.Columns.Length, shape.Channels);
}

/// <summary>What the sums of windows are multiplied by: one number, or each window's own.</summary>
internal readonly struct AverageFactor
{
    private readonly int _isOne, _includesPadding;
    private readonly float _factor;

    public AverageFactor(in AveragePoolingArguments arguments)
    {
        _isOne = arguments.HasOneFactor ? 1 : 0;
        _includesPadding = arguments.IncludePadding ? 1 : 0;
        _factor = arguments is { HasOneFactor: true, Shape: { Rows.OutputLength: > 0, Columns.OutputLength: > 0 } } ? (float)arguments.Factor(0, 0) : 0f;
    }

    /// <summary>That of an output.</summary>
    public float Of(in PoolingShape shape, int row, int column)
    {
        if (_isOne != 0)
            return _factor;
        long count = (long)shape.Rows.Count(row, _includesPadding != 0) * shape.Columns.Count(column, _includesPadding != 0);
        return 1f / count;
    }
}

/// <summary>What runs on the device.</summary>
internal static class PoolingKernels
{
    /// <summary>How the winning places are kept.</summary>
    public const int NoWinners = 0, WinnersInBytes = 1, WinnersInNumbers = 2;

    // Sums are made of runs, as on the processor, so that rounding does not grow with the window's area.
    private const int PixelsPerRun = 64;

    [GpuKernel]
    public static void MaxPool(
        PoolingShape shape, PixelWalk outputs, ArrayView<float> x, ArrayView<float> y, ArrayView<byte> bytes, ArrayView<float> numbers, int winners, int length)
    {
        int toNextPlace = shape.Columns.Dilation * shape.Channels;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            outputs.Split(i, out int example, out int row, out int column, out int channel);
            shape.Rows.Places(row, out int firstRow, out int endRow);
            shape.Columns.Places(column, out int firstColumn, out int endColumn);
            int top = example * shape.Rows.Length + shape.Rows.Start(row), left = shape.Columns.Start(column);
            float best = float.NegativeInfinity;
            int winner = endRow > firstRow && endColumn > firstColumn ? firstRow * shape.Columns.Window + firstColumn : 0;
            for (int r = firstRow; r < endRow; r++)
            {
                int line = ((top + r * shape.Rows.Dilation) * shape.Columns.Length + left) * shape.Channels + channel;
                for (int c = firstColumn; c < endColumn; c++)
                {
                    float value = x[line + c * toNextPlace];
                    if (value > best || ScalarFunctions.IsNaN(value))
                    {
                        best = value;
                        winner = r * shape.Columns.Window + c;
                    }
                }
            }

            y[i] = best;
            if (winners == WinnersInBytes)
                bytes[i] = (byte)winner;
            else if (winners == WinnersInNumbers)
                numbers[i] = winner;
        }
    }

    [GpuKernel]
    public static void MaxPoolBackward(
        PoolingShape shape, PixelWalk inputs, ArrayView<byte> bytes, ArrayView<float> numbers, int winners, ArrayView<float> gradOutput, ArrayView<float> gradInput, int length,
        int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            inputs.Split(i, out int example, out int row, out int column, out int channel);
            shape.Rows.Outputs(row, out int firstRow, out int endRow);
            shape.Columns.Outputs(column, out int firstColumn, out int endColumn);
            float sum = accumulate != 0 ? gradInput[i] : 0f;
            for (int r = firstRow; r < endRow; r++)
            {
                int rowPlace = shape.Rows.PlaceOf(row, r);
                if (rowPlace < 0)
                    continue;
                int line = (example * shape.Rows.OutputLength + r) * shape.Columns.OutputLength * shape.Channels + channel;
                for (int c = firstColumn; c < endColumn; c++)
                {
                    int columnPlace = shape.Columns.PlaceOf(column, c), output = line + c * shape.Channels;
                    if (columnPlace < 0)
                        continue;
                    int winner = winners == WinnersInBytes ? bytes[output] : (int)numbers[output];
                    if (winner == rowPlace * shape.Columns.Window + columnPlace)
                        sum += gradOutput[output];
                }
            }

            gradInput[i] = sum;
        }
    }

    [GpuKernel]
    public static void AveragePool(PoolingShape shape, PixelWalk outputs, AverageFactor factor, ArrayView<float> x, ArrayView<float> y, int length, int accumulate)
    {
        int toNextPlace = shape.Columns.Dilation * shape.Channels;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            outputs.Split(i, out int example, out int row, out int column, out int channel);
            shape.Rows.Places(row, out int firstRow, out int endRow);
            shape.Columns.Places(column, out int firstColumn, out int endColumn);
            int top = example * shape.Rows.Length + shape.Rows.Start(row), left = shape.Columns.Start(column);
            float sum = 0f;
            for (int r = firstRow; r < endRow; r++)
            {
                int line = ((top + r * shape.Rows.Dilation) * shape.Columns.Length + left) * shape.Channels + channel;
                for (int run = firstColumn; run < endColumn; run += PixelsPerRun)
                {
                    float runSum = 0f;
                    for (int c = run, end = Math.Min(run + PixelsPerRun, endColumn); c < end; c++)
                        runSum += x[line + c * toNextPlace];
                    sum += runSum;
                }
            }

            float average = sum * factor.Of(shape, row, column);
            y[i] = accumulate != 0 ? y[i] + average : average;
        }
    }

    [GpuKernel]
    public static void AveragePoolBackward(
        PoolingShape shape, PixelWalk inputs, AverageFactor factor, ArrayView<float> gradOutput, ArrayView<float> gradInput, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            inputs.Split(i, out int example, out int row, out int column, out int channel);
            shape.Rows.Outputs(row, out int firstRow, out int endRow);
            shape.Columns.Outputs(column, out int firstColumn, out int endColumn);
            float sum = accumulate != 0 ? gradInput[i] : 0f;
            for (int r = firstRow; r < endRow; r++)
            {
                if (shape.Rows.PlaceOf(row, r) < 0)
                    continue;
                int line = (example * shape.Rows.OutputLength + r) * shape.Columns.OutputLength * shape.Channels + channel;
                for (int c = firstColumn; c < endColumn; c++)
                    if (shape.Columns.PlaceOf(column, c) >= 0)
                        sum += gradOutput[line + c * shape.Channels] * factor.Of(shape, r, c);
            }

            gradInput[i] = sum;
        }
    }
}
