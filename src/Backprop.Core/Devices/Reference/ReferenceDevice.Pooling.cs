using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners)
    {
        if (winners is not null)
            Array.Clear(Values(winners));
        PoolingShape local = shape;
        ForEachOutput(shape, (output, window) =>
        {
            double largest = double.NegativeInfinity;
            int winner = -1;
            foreach ((int input, int place) in window)
            {
                double value = Values(x)[input];
                if (winner >= 0 && !(value > largest) && !double.IsNaN(value))
                    continue;
                largest = value;
                winner = place;
            }

            Values(y)[output] = largest;
            if (winners is not null)
                SetWinner(local, winners, output, Math.Max(winner, 0));
        });
    }

    internal override void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (!accumulate)
            Fill(gradInput, 0f, shape.InputLength);
        PoolingShape local = shape;
        ForEachOutput(shape, (output, window) =>
        {
            foreach ((int input, int place) in window)
                if (place == Winner(local, winners, output))
                    Values(gradInput)[input] += Values(gradOutput)[output];
        });
    }

    internal override void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        AveragePoolingArguments local = arguments;
        ForEachOutput(arguments.Shape, (output, window) =>
            Store(Values(y), output, window.Sum(place => Values(x)[place.Input]) * Factor(local, output), accumulate));
    }

    internal override void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (!accumulate)
            Fill(gradInput, 0f, arguments.Shape.InputLength);
        AveragePoolingArguments local = arguments;
        ForEachOutput(arguments.Shape, (output, window) =>
        {
            foreach ((int input, _) in window)
                Values(gradInput)[input] += Values(gradOutput)[output] * Factor(local, output);
        });
    }

    internal override void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y)
    {
        Fill(y, 0f, layout.OutputLength);
        foreach ((int inner, int outer) in PaddedPairs(layout))
            Values(y)[outer] = Values(x)[inner];
    }

    internal override void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        foreach ((int inner, int outer) in PaddedPairs(layout))
            Store(Values(gradInput), inner, Values(gradOutput)[outer], accumulate);
    }

    internal override void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        for (int i = 0; i < layout.Length; i++)
        {
            int example = i / (layout.Pixels * layout.Channels), channel = i % layout.Channels;
            double factor = Values(factors)[example * layout.Channels + channel];
            Store(Values(y), i, factor == 0 ? 0 : factor * Values(x)[i], accumulate);
        }
    }

    /// <summary>Visits the outputs in their order, each with the inputs in its window and their places there, row by row.</summary>
    private static void ForEachOutput(PoolingShape shape, Action<int, List<(int Input, int Place)>> visit)
    {
        (int batch, PoolingAxis rows, PoolingAxis columns, int channels) = shape;
        for (int output = 0; output < shape.OutputLength; output++)
        {
            int channel = output % channels, column = output / channels % columns.OutputLength;
            int row = output / channels / columns.OutputLength % rows.OutputLength, example = output / channels / columns.OutputLength / rows.OutputLength;
            rows.Places(row, out int firstRow, out int endRow);
            columns.Places(column, out int firstColumn, out int endColumn);
            var window = new List<(int, int)>();
            for (int i = firstRow; i < endRow; i++)
            {
                for (int j = firstColumn; j < endColumn; j++)
                {
                    int y = rows.Start(row) + i * rows.Dilation, x = columns.Start(column) + j * columns.Dilation;
                    window.Add((((example * rows.Length + y) * columns.Length + x) * channels + channel, i * columns.Window + j));
                }
            }

            visit(output, window);
        }
    }

    private static double Factor(in AveragePoolingArguments arguments, int output)
    {
        PoolingShape shape = arguments.Shape;
        int pixel = output / shape.Channels;
        return arguments.Factor(pixel / shape.Columns.OutputLength % shape.Rows.OutputLength, pixel % shape.Columns.OutputLength);
    }

    // Four bytes make a number below 2³², which a double holds.
    private static void SetWinner(in PoolingShape shape, MemoryBlock winners, int output, int place)
    {
        if (shape.PlacesAreBytes)
            Values(winners)[output / 4] += place * Math.Pow(256, output % 4);
        else
            Values(winners)[output] = place;
    }

    private static int Winner(in PoolingShape shape, MemoryBlock winners, int output) => shape.PlacesAreBytes
        ? (int)((long)Values(winners)[output / 4] >> output % 4 * 8 & 255)
        : (int)Values(winners)[output];

    /// <summary>Where each element stands without the frame and within it.</summary>
    private static IEnumerable<(int Inner, int Outer)> PaddedPairs(PaddingLayout layout)
    {
        for (int inner = 0; inner < layout.Batch * layout.Height * layout.Width * layout.Channels; inner++)
        {
            int channel = inner % layout.Channels, column = inner / layout.Channels % layout.Width;
            int row = inner / layout.Channels / layout.Width % layout.Height, example = inner / layout.Channels / layout.Width / layout.Height;
            yield return (inner, ((example * layout.OutputHeight + row + layout.Top) * layout.OutputWidth + column + layout.Left) * layout.Channels + channel);
        }
    }
}
