using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>Which threads treat one row.</summary>
internal enum ThreadTeamKind
{
    /// <summary>One: for short rows, for rows whose elements alternate with those of other rows, and where barriers cost too much.</summary>
    Thread,

    /// <summary>The threads that run in step.</summary>
    Warp,

    /// <summary>All that share memory.</summary>
    Group,
}

/// <summary>
/// The threads that treat one row together. A kernel that is generic over the team is written once: each thread takes every
/// <see cref="Size"/>th element from its <see cref="Rank"/> on, and each team every <see cref="Count"/>th row from its
/// <see cref="Index"/> on. All threads of a team must come to each sum and each maximum.
/// </summary>
internal interface IThreadTeam
{
    /// <summary>The number of this team in the grid.</summary>
    public int Index { get; }

    /// <summary>The teams of the grid.</summary>
    public int Count { get; }

    /// <summary>The number of this thread in its team.</summary>
    public int Rank { get; }

    /// <summary>The threads of the team.</summary>
    public int Size { get; }

    /// <summary>The sum of the threads' numbers, in a fixed order: the same bits for all of them.</summary>
    public double Sum(double value);

    /// <summary>The largest of the threads' numbers, for all of them; where there is a NaN, any.</summary>
    public float Max(float value);

    /// <summary>The largest of the threads' numbers, for all of them.</summary>
    public int Max(int value);
}

/// <inheritdoc cref="ThreadTeamKind.Thread"/>
internal readonly struct SingleThread : IThreadTeam
{
    public int Index
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GridStride.First;
    }

    public int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GridStride.Step;
    }

    public int Rank
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 0;
    }

    public int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum(double value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Max(int value) => value;
}

/// <inheritdoc cref="ThreadTeamKind.Warp"/>
internal readonly struct WarpOfThreads : IThreadTeam
{
    public int Index
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GridStride.First / Warp.WarpSize;
    }

    public int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => GridStride.Step / Warp.WarpSize;
    }

    public int Rank
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Warp.LaneIdx;
    }

    public int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Warp.WarpSize;
    }

    // Each step adds what the partner has; a + b and b + a are the same bits, so all threads get the same sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum(double value)
    {
        for (int mask = Warp.WarpSize >> 1; mask > 0; mask >>= 1)
            value += Warp.ShuffleXor(value, mask);
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max(float value)
    {
        for (int mask = Warp.WarpSize >> 1; mask > 0; mask >>= 1)
            value = ScalarFunctions.Max(value, Warp.ShuffleXor(value, mask));
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Max(int value)
    {
        for (int mask = Warp.WarpSize >> 1; mask > 0; mask >>= 1)
        {
            int other = Warp.ShuffleXor(value, mask);
            value = other > value ? other : value;
        }

        return value;
    }
}

/// <inheritdoc cref="ThreadTeamKind.Group"/>
/// <remarks>Each warp first comes to its own result; then every thread goes through those of all warps.</remarks>
internal readonly struct GroupOfThreads : IThreadTeam
{
    /// <summary>A group has at most 256 threads, a warp at least two.</summary>
    private const int MaximumWarps = 128;

    public int Index
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Grid.IdxX;
    }

    public int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Grid.DimX;
    }

    public int Rank
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Group.IdxX;
    }

    public int Size
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Group.DimX;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum(double value)
    {
        value = default(WarpOfThreads).Sum(value);
        ArrayView<double> warps = SharedMemory.Allocate<double>(MaximumWarps);
        if (Warp.LaneIdx == 0)
            warps[Group.IdxX / Warp.WarpSize] = value;
        Group.Barrier();
        double sum = 0;
        for (int warp = 0; warp < Group.DimX / Warp.WarpSize; warp++)
            sum += warps[warp];
        Group.Barrier(); // before the next sum writes there
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max(float value)
    {
        value = default(WarpOfThreads).Max(value);
        ArrayView<float> warps = SharedMemory.Allocate<float>(MaximumWarps);
        if (Warp.LaneIdx == 0)
            warps[Group.IdxX / Warp.WarpSize] = value;
        Group.Barrier();
        float largest = warps[0];
        for (int warp = 1; warp < Group.DimX / Warp.WarpSize; warp++)
            largest = ScalarFunctions.Max(largest, warps[warp]);
        Group.Barrier();
        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Max(int value)
    {
        value = default(WarpOfThreads).Max(value);
        ArrayView<int> warps = SharedMemory.Allocate<int>(MaximumWarps);
        if (Warp.LaneIdx == 0)
            warps[Group.IdxX / Warp.WarpSize] = value;
        Group.Barrier();
        int largest = warps[0];
        for (int warp = 1; warp < Group.DimX / Warp.WarpSize; warp++)
            largest = warps[warp] > largest ? warps[warp] : largest;
        Group.Barrier();
        return largest;
    }
}
