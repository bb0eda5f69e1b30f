namespace Backprop.Devices;

/// <summary>
/// One axis of pooling: where the windows of its outputs lie on its inputs. The places of a window are counted from its
/// beginning, which padding may put before the first input; only places on an input take part.
/// </summary>
/// <param name="Length">The number of inputs, at least 1.</param>
/// <param name="OutputLength">The number of outputs.</param>
/// <param name="Window">The places of a window; of the widest one, when windows differ.</param>
/// <param name="Stride">From window to window; 0 when the windows share the axis out, see <see cref="SharedOut"/>.</param>
/// <param name="Padding">How many places the first window begins before the first input.</param>
/// <param name="Dilation">From place to place within a window.</param>
internal readonly record struct PoolingAxis(int Length, int OutputLength, int Window, int Stride, int Padding, int Dilation)
{
    /// <summary>
    /// The windows of adaptive pooling: output i sees the inputs from ⌊i·L/O⌋ to before ⌈(i + 1)·L/O⌉. Neighbours overlap
    /// in one input where O does not divide L; an input is seen several times where O is larger.
    /// </summary>
    public static PoolingAxis SharedOut(int length, int outputLength) => length % outputLength == 0
        ? new(length, outputLength, length / outputLength, length / outputLength, 0, 1)
        : new(length, outputLength, (length - 1) / outputLength + 2, 0, 0, 1);

    /// <summary>Whether windows neither overlap nor leave the front: every input has at most one output.</summary>
    public bool IsTiled => Stride >= Window && Padding == 0 && Dilation == 1;

    private bool IsSharedOut => Stride == 0;

    /// <summary>The input at place 0 of a window; negative where it lies in the padding.</summary>
    public int Start(int output) => IsSharedOut ? (int)((long)output * Length / OutputLength) : output * Stride - Padding;

    /// <summary>Which places of a window are on inputs; none when <paramref name="end"/> = <paramref name="first"/>.</summary>
    public void Places(int output, out int first, out int end)
    {
        int start = Start(output);
        if (IsSharedOut)
        {
            first = 0;
            end = (int)(((long)(output + 1) * Length + OutputLength - 1) / OutputLength) - start;
            return;
        }

        if (Dilation == 1)
        {
            first = Math.Max(-start, 0);
            end = Math.Min(Window, Length - start);
        }
        else
        {
            first = start >= 0 ? 0 : (Dilation - 1 - start) / Dilation;
            end = start >= Length ? 0 : Math.Min(Window, (Length - start + Dilation - 1) / Dilation);
        }

        end = Math.Max(end, first);
    }

    /// <summary>Between which outputs those lie whose windows have a place on an input.</summary>
    public void Outputs(int input, out int first, out int end)
    {
        if (IsSharedOut)
        {
            first = (int)((long)input * OutputLength / Length);
            end = (int)(((long)(input + 1) * OutputLength + Length - 1) / Length);
            return;
        }

        int past = input + Padding - (Window - 1) * Dilation;
        first = past <= 0 ? 0 : (past + Stride - 1) / Stride;
        end = Math.Min(OutputLength, (input + Padding) / Stride + 1);
    }

    /// <summary>At which place of a window an input lies, for an output that <see cref="Outputs"/> gives; negative between two places.</summary>
    public int PlaceOf(int input, int output)
    {
        int distance = input - Start(output);
        return Dilation == 1 ? distance : distance % Dilation == 0 ? distance / Dilation : -1;
    }

    /// <summary>By how many places an average is divided: those on inputs, or also those in the padding (never those behind it).</summary>
    public int Count(int output, bool includePadding)
    {
        if (includePadding && !IsSharedOut)
        {
            int start = Start(output);
            return Math.Min(start + Window, Length + Padding) - start;
        }

        Places(output, out int first, out int end);
        return end - first;
    }

    /// <summary>Whether <see cref="Count"/> is the window for all outputs.</summary>
    public bool CountsAlike(bool includePadding) =>
        !IsSharedOut && (Padding == 0 || includePadding) && (OutputLength - 1) * Stride - Padding + Window <= Length + Padding;
}

/// <summary>
/// Pooling of images [Batch, Rows.Length, Columns.Length, Channels] to [Batch, Rows.OutputLength, Columns.OutputLength,
/// Channels], each channel by itself.
/// </summary>
internal readonly record struct PoolingShape(int Batch, PoolingAxis Rows, PoolingAxis Columns, int Channels)
{
    /// <summary>A window with at most this many places has them numbered in a byte.</summary>
    public const int MaximumPlacesInByte = 256;

    /// <summary>Beyond this, a float32 cannot number the places.</summary>
    public const int MaximumPlaces = 1 << 24;

    public int InputLength => Batch * Rows.Length * Columns.Length * Channels;

    public int OutputLength => Batch * Rows.OutputLength * Columns.OutputLength * Channels;

    /// <summary>The places of a window, which max pooling numbers row by row.</summary>
    public long Places => (long)Rows.Window * Columns.Window;

    public bool PlacesAreBytes => Places <= MaximumPlacesInByte;

    /// <summary>
    /// The elements of the block in which max pooling keeps the winning place of each output: four bytes to an element,
    /// the lowest first, where a byte suffices; else one number.
    /// </summary>
    public int WinnersLength => PlacesAreBytes ? (int)(((long)OutputLength + 3) / 4) : OutputLength;
}

/// <summary>Average pooling: each output is the sum over its window divided by a number of places, or by a given number.</summary>
internal readonly record struct AveragePoolingArguments(PoolingShape Shape)
{
    /// <summary>Whether places in the padding count.</summary>
    public bool IncludePadding { get; init; }

    /// <summary>What every sum is divided by; the number of places when 0.</summary>
    public int Divisor { get; init; }

    /// <summary>The reciprocal of the divisor of an output.</summary>
    public double Factor(int row, int column) =>
        1.0 / (Divisor != 0 ? Divisor : (long)Shape.Rows.Count(row, IncludePadding) * Shape.Columns.Count(column, IncludePadding));

    /// <summary>Whether all outputs have the same divisor.</summary>
    public bool HasOneFactor => Divisor != 0 || Shape.Rows.CountsAlike(IncludePadding) && Shape.Columns.CountsAlike(IncludePadding);
}

/// <summary>Images [Batch, Height, Width, Channels] in a frame of zeros, which gives them the output height and width.</summary>
internal readonly record struct PaddingLayout(int Batch, int Height, int Width, int Channels, int OutputHeight, int OutputWidth, int Top, int Left)
{
    public int OutputLength => Batch * OutputHeight * OutputWidth * Channels;
}

/// <summary>A tensor [Batch, Pixels, Channels].</summary>
internal readonly record struct ChannelLayout(int Batch, int Pixels, int Channels)
{
    public int Length => Batch * Pixels * Channels;
}
