namespace Backprop.Devices.Cpu;

/// <summary>
/// Which source positions an output position reads along one axis: Offset, Offset + Step, ... relative to where its window
/// stands, and the kernel cells that belong to them: FirstCell, FirstCell + CellStep, ...
/// </summary>
internal readonly record struct ConvolutionTaps(int Count, int Offset, int Step, int FirstCell, int CellStep)
{
    /// <summary>The last of the source positions, relative to the window.</summary>
    public int LastOffset => Offset + (Count - 1) * Step;
}

/// <summary>One axis, height or width, of a convolution or of its reverse, the gradient of the input.</summary>
/// <remarks>
/// The two are the same computation. Forward, output position o reads the source from o·stride − padding on, in steps of
/// the dilation. In reverse the source is the output's gradient: input position i collects from those output positions o
/// that read it, o·stride − padding + k·dilation = i. With stride 1 that is again a window that slides along, with the
/// kernel flipped. With stride s, positions with the same remainder i mod s (a phase) meet the same cells k of the kernel,
/// and from one of them to the next the window moves by 1: every phase is a convolution of stride 1 with some of the cells.
/// </remarks>
internal readonly struct ConvolutionAxis
{
    private readonly int _kernel, _stride, _padding, _dilation;
    private readonly bool _isReversed;

    private ConvolutionAxis(int sourceLength, int outputLength, int kernel, int stride, int padding, int dilation, bool isReversed)
    {
        (SourceLength, OutputLength, _kernel, _stride, _padding, _dilation, _isReversed) =
            (sourceLength, outputLength, kernel, stride, padding, dilation, isReversed);
        (FirstOffset, LastOffset) = (int.MaxValue, int.MinValue);
        for (int phase = 0; phase < Phases; phase++)
        {
            ConvolutionTaps taps = Taps(phase);
            if (taps.Count > 0)
                (FirstOffset, LastOffset) = (Math.Min(FirstOffset, taps.Offset), Math.Max(LastOffset, taps.LastOffset));
        }
    }

    public int SourceLength { get; }

    public int OutputLength { get; }

    /// <summary>How far the window moves from one output position of a phase to the next.</summary>
    public int SourceStep => _isReversed ? 1 : _stride;

    /// <summary>The number of phases; the output positions of one are so far apart.</summary>
    public int Phases => _isReversed ? _stride : 1;

    /// <summary>The output positions of the longest phase.</summary>
    public int Positions => PositionsOf(0);

    /// <summary>The first and the last source position that any phase reads, relative to the window.</summary>
    public int FirstOffset { get; }

    /// <inheritdoc cref="FirstOffset"/>
    public int LastOffset { get; }

    /// <summary>The heights of both, from the input or from the gradient of the output.</summary>
    public static ConvolutionAxis Vertical(in ConvolutionShape shape, bool isReversed) => Of(
        shape.Height, shape.OutputHeight, shape.KernelHeight, shape.StrideY, shape.PaddingTop, shape.DilationY, isReversed);

    /// <summary>The widths.</summary>
    public static ConvolutionAxis Horizontal(in ConvolutionShape shape, bool isReversed) => Of(
        shape.Width, shape.OutputWidth, shape.KernelWidth, shape.StrideX, shape.PaddingLeft, shape.DilationX, isReversed);

    /// <summary>The output positions of a phase: phase, phase + Phases, ...</summary>
    public int PositionsOf(int phase) => (OutputLength - phase + Phases - 1) / Phases;

    /// <summary>What the positions of a phase read, in ascending source position.</summary>
    public ConvolutionTaps Taps(int phase)
    {
        if (!_isReversed)
            return new ConvolutionTaps(_kernel, -_padding, _dilation, 0, 1);

        int distance = _stride / GreatestCommonDivisor(_stride, _dilation), first = 0;
        while (first < Math.Min(distance, _kernel) && (phase + _padding - first * _dilation) % _stride != 0)
            first++;
        if (first >= Math.Min(distance, _kernel))
            return default;

        // The last cell meets the first source position.
        int count = (_kernel - 1 - first) / distance + 1, last = first + (count - 1) * distance;
        return new ConvolutionTaps(count, (phase + _padding - last * _dilation) / _stride, distance * _dilation / _stride, last, -distance);
    }

    private static ConvolutionAxis Of(int input, int output, int kernel, int stride, int padding, int dilation, bool isReversed) =>
        isReversed ? new(output, input, kernel, stride, padding, dilation, true) : new(input, output, kernel, stride, padding, dilation, false);

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
