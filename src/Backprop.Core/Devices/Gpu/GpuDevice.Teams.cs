using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <content>How kernels that are generic over <see cref="IThreadTeam"/> are chosen and launched.</content>
internal sealed partial class GpuDevice
{
    // Lengths of rows, not measured yet: below this one a warp would mostly idle.
    private const int ShortestRowOfWarp = 8;

    // So many rows fill the device with one thread each.
    private const int RowsThatFillTheDevice = 1 << 14;

    /// <summary>The launchers of a kernel for each kind of team.</summary>
    private struct TeamLaunchers<TLauncher>
        where TLauncher : Delegate
    {
        public TLauncher? Thread, Warp, Group;
    }

    private int WarpSize => _gpu.Accelerator.WarpSize;

    /// <summary>Above this length, not measured yet, a warp would take long alone. On a simulated device it is so short that tests with groups can be small.</summary>
    private int LongestRowOfWarp => _gpu.IsSimulated ? 24 : 512;

    /// <summary>The threads of a group that is a team. On a simulated device two warps, so that there is something to add.</summary>
    private int TeamGroupSize => _gpu.IsSimulated ? Math.Min(2 * WarpSize, _gpu.Accelerator.MaxNumThreadsPerGroup) : _gpu.GroupSize;

    /// <summary>Who treats a row of the given length.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="length">The elements of a row.</param>
    /// <param name="areNeighbours">Whether the elements of a row are neighbours in memory; else those of different rows are.</param>
    private ThreadTeamKind TeamFor(int rows, int length, bool areNeighbours = true)
    {
        if (!UsesTeams || length < ShortestRowOfWarp || (!areNeighbours && rows >= RowsThatFillTheDevice))
            return ThreadTeamKind.Thread;
        return length <= LongestRowOfWarp ? ThreadTeamKind.Warp : ThreadTeamKind.Group;
    }

    /// <summary>Who adds what the threads of a grid have found on their way over all elements.</summary>
    private ThreadTeamKind TeamForElements => UsesTeams ? ThreadTeamKind.Group : ThreadTeamKind.Thread;

    private TLauncher TeamKernel<TLauncher>(ref TeamLaunchers<TLauncher> slots, ThreadTeamKind team, Delegate thread, Delegate warp, Delegate group)
        where TLauncher : Delegate => team switch
        {
            ThreadTeamKind.Thread => Kernel(ref slots.Thread, thread),
            ThreadTeamKind.Warp => Kernel(ref slots.Warp, warp),
            _ => Kernel(ref slots.Group, group),
        };

    /// <summary>The same for a kernel that no warps run.</summary>
    private TLauncher TeamKernel<TLauncher>(ref TeamLaunchers<TLauncher> slots, ThreadTeamKind team, Delegate thread, Delegate group)
        where TLauncher : Delegate => team == ThreadTeamKind.Thread ? Kernel(ref slots.Thread, thread) : Kernel(ref slots.Group, group);

    /// <summary>A grid whose teams share out rows.</summary>
    private KernelConfig GridForRows(ThreadTeamKind team, int rows)
    {
        switch (team)
        {
            case ThreadTeamKind.Thread:
                return GridFor(rows);
            case ThreadTeamKind.Warp:
                int warpsPerGroup = _gpu.GroupSize / WarpSize;
                return new KernelConfig(Math.Clamp((rows - 1) / warpsPerGroup + 1, 1, _gpu.MaximumGroups), warpsPerGroup * WarpSize);
            default:
                return new KernelConfig(Math.Clamp(rows, 1, _gpu.MaximumGroups), TeamGroupSize);
        }
    }

    /// <summary>A grid whose threads share out elements, and add up in teams.</summary>
    private KernelConfig GridForElements(ThreadTeamKind team, int length) => team == ThreadTeamKind.Thread
        ? GridFor(length)
        : new KernelConfig((int)Math.Clamp(((long)length + TeamGroupSize - 1) / TeamGroupSize, 1, _gpu.MaximumGroups), TeamGroupSize);

    /// <summary>The teams of a grid.</summary>
    private int TeamsOf(ThreadTeamKind team, KernelConfig grid) => team switch
    {
        ThreadTeamKind.Thread => grid.GridDim.X * grid.GroupDim.X,
        ThreadTeamKind.Warp => grid.GridDim.X * grid.GroupDim.X / WarpSize,
        _ => grid.GridDim.X,
    };

    /// <summary>
    /// Into how many pieces the terms of sums are divided, each of which a thread adds up: enough for the threads that keep
    /// memory busy, not so many that adding the pieces takes longer. Depends on the sizes and the device alone.
    /// </summary>
    private int PiecesFor(int results, int terms, int leastTerms)
    {
        int threads = _gpu.GroupSize * _gpu.MaximumGroups / 2; // on a real device four groups per multiprocessor; not measured yet
        return Math.Clamp(threads / Math.Max(results, 1), 1, Math.Max(terms / leastTerms, 1));
    }

    /// <summary>A block for so many doubles.</summary>
    private GpuBlock RentDoubles(long count) => _buffers.Rent(2 * count);

    private static ArrayView<double> Doubles(MemoryBlock block) => ((GpuBlock)block).Doubles;
}
