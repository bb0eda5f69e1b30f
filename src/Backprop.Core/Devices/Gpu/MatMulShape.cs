using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// A matrix product as kernels see it: strides in the place of transposes, so that one kernel does for all four of them, and
/// what happens to a sum at the end.
/// </summary>
internal readonly record struct MatMulShape(int M, int N, int K)
{
    /// <summary>From a row of op(A) to the next: K, or 1 when A is transposed.</summary>
    public int RowStrideA { get; init; }

    /// <summary>From an element of a row of op(A) to the next: 1, or M.</summary>
    public int DepthStrideA { get; init; }

    /// <summary>From a column of op(B) to the next: 1, or K when B is transposed.</summary>
    public int ColumnStrideB { get; init; }

    /// <summary>From an element of a column of op(B) to the next: N, or 1.</summary>
    public int DepthStrideB { get; init; }

    /// <summary>Not 0: the sums are added to C. Then there is neither bias nor activation.</summary>
    public int Accumulate { get; init; }

    public int HasBias { get; init; }

    /// <summary>An <see cref="Backprop.ActivationKind"/>.</summary>
    public int ActivationKind { get; init; }

    public float ActivationParameter { get; init; }

    /// <summary>The depth that one layer of the grid sums, a multiple of the tiles' depth; the layers' sums lie one behind the other in C.</summary>
    public int DepthOfLayer { get; init; }

    public static MatMulShape Of(in MatMulArguments arguments) => new(arguments.M, arguments.N, arguments.K)
    {
        RowStrideA = arguments.TransposeA ? 1 : arguments.K,
        DepthStrideA = arguments.TransposeA ? arguments.M : 1,
        ColumnStrideB = arguments.TransposeB ? arguments.K : 1,
        DepthStrideB = arguments.TransposeB ? 1 : arguments.N,
        Accumulate = arguments.Accumulate ? 1 : 0,
        HasBias = arguments.Bias is null ? 0 : 1,
        ActivationKind = (int)(arguments.Accumulate ? Backprop.ActivationKind.Identity : arguments.Activation.Kind),
        ActivationParameter = arguments.Activation.Parameter,
        DepthOfLayer = Math.Max(arguments.K, 1),
    };

    /// <summary>The same product, of which every layer of the grid writes the plain sums of its share of the depth.</summary>
    public MatMulShape Divided(int depthOfLayer) => this with
    {
        DepthOfLayer = depthOfLayer,
        Accumulate = 0,
        HasBias = 0,
        ActivationKind = (int)Backprop.ActivationKind.Identity,
    };

    /// <summary>Where the sum of an element goes: bias and activation, or the addition to C.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish(ArrayView<float> c, int index, float sum, ArrayView<float> bias, int column)
    {
        if (Accumulate != 0)
            c[index] += sum;
        else
            c[index] = ActivationFunctions.Forward(ActivationKind, ActivationParameter, HasBias != 0 ? sum + bias[column] : sum);
    }
}
