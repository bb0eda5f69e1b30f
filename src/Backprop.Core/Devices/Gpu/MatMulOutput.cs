using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>Where the tiles' kernels put their sums: with bias and rectifier, or added, four columns at once.</summary>
internal readonly struct MatMulOutput
{
    private readonly int _start, _isAligned;

    /// <param name="shape">The product.</param>
    /// <param name="layer">The layer of the depth.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MatMulOutput(MatMulShape shape, int layer)
    {
        _start = layer * shape.M * shape.N;
        _isAligned = (shape.N & 3) == 0 ? 1 : 0;
    }

    /// <summary>Four rows of four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(MatMulShape shape, ArrayView<float> c, ArrayView<float> bias, int row, int column, Sums4x4 sums)
    {
        int left = shape.N - column;
        Float4 offset = default;
        if (shape.HasBias != 0)
            offset = Float4.Load(bias, column, left, _isAligned);
        Store(shape, c, row, column, left, sums.Row0.Plus(offset));
        Store(shape, c, row + 1, column, left, sums.Row1.Plus(offset));
        Store(shape, c, row + 2, column, left, sums.Row2.Plus(offset));
        Store(shape, c, row + 3, column, left, sums.Row3.Plus(offset));
    }

    /// <summary>
    /// Applies the activation to the 4 × 4 elements that this thread has stored, unless it was the rectifier, which is done
    /// already. The others are taken from memory again, one by one: their code would stand here sixteen times otherwise.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Activate(MatMulShape shape, ArrayView<float> c, int row, int column)
    {
        if (shape.ActivationKind is (int)ActivationKind.Identity or (int)ActivationKind.Relu)
            return;
        for (int i = 0; i < 16; i++)
        {
            int m = row + (i >> 2), n = column + (i & 3), at = _start + m * shape.N + n;
            if (m < shape.M && n < shape.N)
                c[at] = ActivationFunctions.Forward(shape.ActivationKind, shape.ActivationParameter, c[at]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store(MatMulShape shape, ArrayView<float> c, int row, int column, int left, Float4 value)
    {
        if (row >= shape.M)
            return;
        int at = _start + row * shape.N + column;
        if (shape.Accumulate != 0)
            value = value.Plus(Float4.Load(c, at, left, _isAligned));
        if (shape.ActivationKind == (int)ActivationKind.Relu)
            value = new Float4(ScalarFunctions.Max(0f, value.X), ScalarFunctions.Max(0f, value.Y), ScalarFunctions.Max(0f, value.Z), ScalarFunctions.Max(0f, value.W));
        Float4.Store(c, at, left, _isAligned, value);
    }
}
