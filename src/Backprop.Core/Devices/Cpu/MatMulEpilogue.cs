using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// What follows the sums of a matrix product: the bias and the activations that are a comparison and a multiplication.
/// It runs on each tile right after its last step of k, while the tile is in the innermost cache.
/// </summary>
internal static unsafe class MatMulEpilogue
{
    /// <summary>Whether <see cref="Apply"/> computes the activation; the others need a kernel of their own.</summary>
    public static bool Covers(ActivationKind kind) => kind is ActivationKind.Identity or ActivationKind.Relu or ActivationKind.LeakyRelu;

    /// <summary>c = activation(c + bias) for a tile; a null bias is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd>(int rows, int columns, float* c, nint cStride, float* bias, Activation activation)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int row = 0; row < rows; row++, c += cStride)
        {
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width)
            {
                TSimd b = bias == null ? TSimd.Zero : TSimd.Load(bias + column);
                TSimd.Store(Activate(TSimd.Load(c + column) + b, activation), c + column);
            }

            int rest = columns - column;
            if (rest > 0)
            {
                TSimd b = bias == null ? TSimd.Zero : TSimd.Load(bias + column, rest);
                TSimd.Store(Activate(TSimd.Load(c + column, rest) + b, activation), c + column, rest);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Activate<TSimd>(TSimd x, Activation activation)
        where TSimd : unmanaged, ISimd<TSimd> => activation.Kind switch
        {
            ActivationKind.Relu => TSimd.Max(TSimd.Zero, x),
            ActivationKind.LeakyRelu => TSimd.Select(TSimd.LessThan(TSimd.Zero, x), x, x * TSimd.Create(activation.Parameter)),
            _ => x,
        };
}
