using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// How one of 256 threads brings its part of an operand's tile from the device's memory to the group's. "Free" is the index
/// that stays in C (the row of A, the column of B), "depth" the one that is summed. A tile is stored with all its free
/// elements side by side, whichever of the two runs fastest in memory, so that the product reads four of them at once.
/// </summary>
internal readonly struct MatMulOperandTile
{
    /// <summary>The depth of a tile.</summary>
    public const int Depth = 16;

    private readonly int _isAlongDepth, _isAligned, _stride, _freeLimit, _free, _depth, _slot;

    /// <param name="freeStride">From one free index to the next in memory.</param>
    /// <param name="depthStride">From one depth to the next; one of the two strides is 1.</param>
    /// <param name="freeLimit">How many free indices the operand has.</param>
    /// <param name="firstFree">The tile's first one.</param>
    /// <param name="thread">The number of the thread.</param>
    /// <param name="freeQuads">A quarter of the tile's free elements; a power of 2.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MatMulOperandTile(int freeStride, int depthStride, int freeLimit, int firstFree, int thread, int freeQuads)
    {
        _isAlongDepth = depthStride == 1 ? 1 : 0;
        _stride = depthStride == 1 ? freeStride : depthStride;
        _isAligned = (_stride & 3) == 0 ? 1 : 0;
        _freeLimit = freeLimit;

        // Neighbouring threads read neighbouring addresses: four of them the depth of the tile, or freeQuads of them its width.
        int free = depthStride == 1 ? thread >> 2 : 4 * (thread & (freeQuads - 1));
        _depth = depthStride == 1 ? 4 * (thread & 3) : thread / freeQuads;
        _free = firstFree + free;
        _slot = _depth * 4 * RowOf(freeQuads) + free;
    }

    /// <summary>The length of a tile's row in quads of floats: one more than there are, so that threads that write down a column meet in fewer banks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RowOf(int freeQuads) => freeQuads + 1;

    /// <summary>Four elements of the tile that begins at a depth; zeros outside of the operand and from the end on.</summary>
    /// <param name="x">The operand.</param>
    /// <param name="tileDepth">The first depth of the tile.</param>
    /// <param name="depthEnd">The depth up to which is summed.</param>
    /// <param name="part">A tile of 128 is read in two parts: 0 and 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Load(ArrayView<float> x, int tileDepth, int depthEnd, int part)
    {
        int free = _free + (_isAlongDepth != 0 ? part * 64 : 0);
        int depth = tileDepth + _depth + (_isAlongDepth != 0 ? 0 : part * (Depth / 2));
        int at = _isAlongDepth != 0 ? free * _stride + depth : depth * _stride + free;
        int left = _isAlongDepth != 0 ? (free < _freeLimit ? depthEnd - depth : 0) : (depth < depthEnd ? _freeLimit - free : 0);
        return Float4.Load(x, at, left, _isAligned);
    }

    /// <summary>Puts them into the tile.</summary>
    /// <param name="tile">The tiles in the group's memory.</param>
    /// <param name="start">Where the tile begins, in floats.</param>
    /// <param name="part">The part that was read.</param>
    /// <param name="freeQuads">A quarter of the tile's free elements.</param>
    /// <param name="value">The elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ArrayView<Float4> tile, int start, int part, int freeQuads, Float4 value)
    {
        int row = 4 * RowOf(freeQuads);
        if (_isAlongDepth != 0)
        {
            ArrayView<float> floats = tile.Cast<float>();
            int at = start + _slot + part * 64;
            floats[at] = value.X;
            floats[at + row] = value.Y;
            floats[at + 2 * row] = value.Z;
            floats[at + 3 * row] = value.W;
        }
        else
        {
            tile[(start + _slot + part * (Depth / 2) * row) >> 2] = value;
        }
    }
}
