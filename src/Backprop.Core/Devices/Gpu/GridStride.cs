using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// How the threads of a grid share out elements: each begins at its own number and goes on by the number of all threads, so
/// that neighbours read neighbours, any grid does for any length, and no barrier is needed.
/// </summary>
internal static class GridStride
{
    /// <summary>The first element of this thread.</summary>
    public static int First
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Grid.IdxX * Group.DimX + Group.IdxX;
    }

    /// <summary>How far it is to the next one.</summary>
    public static int Step
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Grid.DimX * Group.DimX;
    }
}
