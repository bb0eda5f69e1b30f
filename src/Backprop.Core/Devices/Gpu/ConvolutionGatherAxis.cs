namespace Backprop.Devices.Gpu;

/// <summary>
/// One direction of a <see cref="ConvolutionGather"/>. Number i of the <paramref name="Length"/> pixels stands in the result
/// at ResultStart + i·ResultStride; with number j of the cells, which is cell FirstCell + j·CellStride of the kernel, it
/// reads source pixel SourceStart + i·SourceStride + j·CellStep.
/// </summary>
internal readonly record struct ConvolutionGatherAxis(int Length, int ResultLength, int SourceLength, int Cells)
{
    public int ResultStart { get; init; }
    public int ResultStride { get; init; }
    public int SourceStart { get; init; }
    public int SourceStride { get; init; }
    public int FirstCell { get; init; }
    public int CellStride { get; init; }
    public int CellStep { get; init; }

    public static ConvolutionGatherAxis ForwardVertical(in ConvolutionShape shape) =>
        Forward(shape.OutputHeight, shape.Height, shape.KernelHeight, shape.StrideY, shape.PaddingTop, shape.DilationY);

    public static ConvolutionGatherAxis ForwardHorizontal(in ConvolutionShape shape) =>
        Forward(shape.OutputWidth, shape.Width, shape.KernelWidth, shape.StrideX, shape.PaddingLeft, shape.DilationX);

    public static ConvolutionGatherAxis BackwardVertical(in ConvolutionShape shape, int place) =>
        Backward(shape.OutputHeight, shape.Height, shape.KernelHeight, shape.StrideY, shape.PaddingTop, shape.DilationY, place);

    public static ConvolutionGatherAxis BackwardHorizontal(in ConvolutionShape shape, int place) =>
        Backward(shape.OutputWidth, shape.Width, shape.KernelWidth, shape.StrideX, shape.PaddingLeft, shape.DilationX, place);

    private static ConvolutionGatherAxis Forward(int outputs, int inputs, int kernel, int stride, int padding, int dilation) =>
        new(outputs, outputs, inputs, kernel)
        {
            ResultStride = 1,
            SourceStart = -padding,
            SourceStride = stride,
            CellStride = 1,
            CellStep = dilation,
        };

    // Input pixel p is read with cell k by output (p + padding − k·dilation)/stride, where that is a whole number. For all
    // pixels of a place these are the same cells, at equal distances.
    private static ConvolutionGatherAxis Backward(int outputs, int inputs, int kernel, int stride, int padding, int dilation, int place)
    {
        int length = place < inputs ? (inputs - 1 - place) / stride + 1 : 0;
        int cellStride = 1;
        while (cellStride * dilation % stride != 0)
            cellStride++;
        for (int first = 0; first < Math.Min(cellStride, kernel); first++)
        {
            int above = place + padding - first * dilation;
            if (above % stride == 0)
            {
                return new(length, inputs, outputs, (kernel - 1 - first) / cellStride + 1)
                {
                    ResultStart = place,
                    ResultStride = stride,
                    SourceStart = above / stride,
                    SourceStride = 1,
                    FirstCell = first,
                    CellStride = cellStride,
                    CellStep = -(cellStride * dilation / stride),
                };
            }
        }

        return new(length, inputs, outputs, 0) { ResultStart = place, ResultStride = stride, SourceStride = 1, CellStride = 1 }; // nobody has read them
    }
}
