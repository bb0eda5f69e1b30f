using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Copies the weights into slivers: for each group and each tile's width of its outputs, the rows that the steps of the sum
/// read, one behind the other in the order in which they are read. Missing columns of the last sliver are 0.
/// </summary>
/// <remarks>
/// In place, the rows of a sliver lie as far apart as there are output channels; a cache then holds few of them, and for
/// the gradient of the input the matrix of each cell must be transposed. All pixels share the copy.
/// </remarks>
internal readonly unsafe struct ConvolutionWeights<TSimd>(ConvolutionShape shape, ConvolutionAxis y, ConvolutionAxis x, bool isReversed, float* weights, float* slivers) : IChunkedWork
    where TSimd : unmanaged, ISimd<TSimd>
{
    private readonly ConvolutionShape _shape = shape;
    private readonly ConvolutionAxis _y = y, _x = x;

    private static int Columns => ConvolutionTile<TSimd>.Columns;

    private int Depth => isReversed ? _shape.GroupOutputChannels : _shape.GroupChannels;

    private int Outputs => isReversed ? _shape.GroupChannels : _shape.GroupOutputChannels;

    /// <summary>The slivers of a group.</summary>
    public int SliversPerGroup => (Outputs + Columns - 1) / Columns;

    /// <summary>The chunks of the work: the slivers of all groups.</summary>
    public int Slivers => SliversPerGroup * _shape.Groups;

    /// <summary>The floats of one sliver.</summary>
    public nint SliverLength => (nint)_shape.KernelHeight * _shape.KernelWidth * Depth * Columns;

    /// <summary>From one step of a sliver of so many columns to the next.</summary>
    public static int Stride(int columns) => columns > TSimd.Width ? Columns : TSimd.Width;

    /// <summary>The same work with room for the slivers.</summary>
    public ConvolutionWeights<TSimd> To(float* room) => new(_shape, _y, _x, isReversed, weights, room);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute(int chunk)
    {
        int group = chunk / SliversPerGroup, firstColumn = chunk % SliversPerGroup * Columns;
        int columns = Math.Min(Outputs - firstColumn, Columns), stride = Stride(columns);
        float* sliver = slivers + chunk * SliverLength;
        if (columns < stride)
            new Span<float>(sliver, (int)SliverLength).Clear();
        for (int phaseY = 0; phaseY < _y.Phases; phaseY++)
            for (int phaseX = 0; phaseX < _x.Phases; phaseX++)
            {
                ConvolutionTaps tapsY = _y.Taps(phaseY), tapsX = _x.Taps(phaseX);
                for (int tapY = 0; tapY < tapsY.Count; tapY++)
                    for (int tapX = 0; tapX < tapsX.Count; tapX++, sliver += Depth * stride)
                        CopyCell(tapsY.FirstCell + tapY * tapsY.CellStep, tapsX.FirstCell + tapX * tapsX.CellStep, group, firstColumn, columns, sliver, stride);
            }
    }

    private void CopyCell(int cellY, int cellX, int group, int firstColumn, int columns, float* destination, int stride)
    {
        float* cell = weights + (nint)(cellY * _shape.KernelWidth + cellX) * _shape.GroupChannels * _shape.OutputChannels + group * _shape.GroupOutputChannels;
        if (isReversed)
            MatMulPacking.Transpose(cell + (nint)firstColumn * _shape.OutputChannels, _shape.OutputChannels, columns, Depth, destination, stride);
        else
            MatMulPacking.Copy<TSimd>(cell + firstColumn, _shape.OutputChannels, Depth, columns, destination, stride);
    }
}
