using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>The vector width that the kernels use. A narrower one than the best gives the same results within rounding, slower.</summary>
internal enum InstructionSet
{
    /// <summary>One float at a time.</summary>
    Scalar,

    /// <summary>4 floats: SSE, ARM NEON, WebAssembly.</summary>
    Vector128,

    /// <summary>8 floats: AVX2 with FMA.</summary>
    Vector256,

    /// <summary>16 floats: AVX-512.</summary>
    Vector512,
}

/// <summary>Finds the widest instruction set of this machine.</summary>
internal static class InstructionSetDetection
{
    /// <summary>The widest set that runs in hardware.</summary>
    public static InstructionSet Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? InstructionSet.Vector512
        : Avx2.IsSupported && Fma.IsSupported ? InstructionSet.Vector256
        : Vector128.IsHardwareAccelerated ? InstructionSet.Vector128
        : InstructionSet.Scalar;
}
