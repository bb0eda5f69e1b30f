using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Broadcast and sums. Sums are added in double: every thread those of its piece of the terms, then a second kernel the pieces
/// in their order. What the pieces are depends on the sizes and the device alone, so the result is always the same.
/// </summary>
internal sealed partial class GpuDevice
{
    private const int LeastTermsPerPiece = 16;

    private Action<AcceleratorStream, KernelConfig, AxisOffsets, ArrayView<float>, ArrayView<float>, int, int>? _expand;
    private Action<AcceleratorStream, KernelConfig, SumShape, ArrayView<float>, float, ArrayView<float>, int>? _sum;
    private Action<AcceleratorStream, KernelConfig, SumShape, ArrayView<float>, ArrayView<double>>? _sumPieces;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, SumShape, ArrayView<double>, float, ArrayView<float>, int>> _addPieces;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>>> _squares, _magnitudes;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int>> _addAll;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<int>, int, ArrayView<int>>> _largest;

    internal override void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate)
    {
        var offsets = new AxisOffsets();
        int stride = 1;
        for (int axis = layout.Rank - 1; axis >= 0; axis--)
        {
            bool isKept = layout.IsKept(axis);
            offsets.AddOuter(layout[axis], isKept ? stride : 0);
            if (isKept)
                stride *= layout[axis];
        }

        int length = layout.FullLength;
        if (length > 0)
            Kernel(ref _expand, ReductionKernels.Expand)(_stream, GridFor(length), offsets, Floats(small), Floats(full), length, Flag(accumulate));
    }

    internal override void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate)
    {
        AxisOffsets kept = new(), summed = new();
        int stride = 1, terms = 1;
        for (int axis = layout.Rank - 1; axis >= 0; axis--)
        {
            if (layout.IsKept(axis))
            {
                kept.AddOuter(layout[axis], stride);
            }
            else
            {
                summed.AddOuter(layout[axis], stride);
                terms *= layout[axis];
            }

            stride *= layout[axis];
        }

        int results = layout.SmallLength, pieces = PiecesFor(results, terms, LeastTermsPerPiece);
        bool areRuns = layout.Rank > 0 && !layout.IsKept(layout.Rank - 1);
        if (results == 0)
            return;

        // Threads that are neighbours should read neighbours: of a run at least as many as a warp has.
        if (areRuns && UsesTeams && pieces < WarpSize)
            pieces = Math.Clamp(terms / LeastTermsPerPiece, 1, WarpSize);
        var shape = new SumShape(kept, summed, results, terms, pieces, Flag(areRuns));
        if (pieces == 1)
        {
            Kernel(ref _sum, ReductionKernels.Sum)(_stream, GridFor(results), shape, Floats(full), factor, Floats(small), Flag(accumulate));
            return;
        }

        GpuBlock scratch = RentDoubles((long)results * pieces);
        Kernel(ref _sumPieces, ReductionKernels.SumPieces)(_stream, GridFor(results * pieces), shape, Floats(full), scratch.Doubles);
        ThreadTeamKind team = TeamFor(results, pieces, areRuns);
        TeamKernel(ref _addPieces, team, ReductionKernels.AddPieces<SingleThread>, ReductionKernels.AddPieces<WarpOfThreads>, ReductionKernels.AddPieces<GroupOfThreads>)(
            _stream, GridForRows(team, results), shape, scratch.Doubles, factor, Floats(small), Flag(accumulate));
        Return(scratch);
    }

    internal override double SumOfSquares(MemoryBlock x, int length) =>
        IsAnticipated(MeasurementKind.SumOfSquares, x, length, out double known) ? known : SumOfAll(SquaresKernel(TeamForElements), TeamForElements, x, length);

    internal override double SumOfMagnitudes(MemoryBlock x, int length) =>
        IsAnticipated(MeasurementKind.SumOfMagnitudes, x, length, out double known) ? known : SumOfAll(MagnitudesKernel(TeamForElements), TeamForElements, x, length);

    internal override float LargestMagnitude(MemoryBlock x, int length)
    {
        if (length == 0)
            return 0f;
        if (IsAnticipated(MeasurementKind.LargestMagnitude, x, length, out double known))
            return (float)known;
        ThreadTeamKind team = TeamForElements;
        KernelConfig grid = GridForElements(team, length);
        int teams = TeamsOf(team, grid);
        var scratch = (GpuBlock)Rent(teams, ElementType.Float32);
        var kernel = TeamKernel(ref _largest, team, ReductionKernels.LargestMagnitude<SingleThread>, ReductionKernels.LargestMagnitude<GroupOfThreads>);
        kernel(_stream, grid, Integers(x), length, scratch.Integers);
        kernel(_stream, GridOfOneTeam(team), scratch.Integers, teams, scratch.Integers);
        float result = 0;
        scratch.Floats.SubView(0, 1).CopyToCPU(_stream, ref result, 1); // no Download, which knows the first elements of some blocks
        CountSynchronization();
        Return(scratch);
        return result;
    }

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>> SquaresKernel(ThreadTeamKind team) =>
        TeamKernel(ref _squares, team, ReductionKernels.SumOfSquares<SingleThread>, ReductionKernels.SumOfSquares<GroupOfThreads>);

    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>> MagnitudesKernel(ThreadTeamKind team) =>
        TeamKernel(ref _magnitudes, team, ReductionKernels.SumOfMagnitudes<SingleThread>, ReductionKernels.SumOfMagnitudes<GroupOfThreads>);

    /// <summary>One team, which reads what all have found and overwrites the first of it.</summary>
    private KernelConfig GridOfOneTeam(ThreadTeamKind team) => team == ThreadTeamKind.Thread ? new KernelConfig(1, 1) : GridForRows(team, 1);

    /// <summary>Adds the numbers that the teams of a grid have found, in their order; the sum takes the place of the first.</summary>
    private void AddAll(ThreadTeamKind team, ArrayView<double> sums, int count) =>
        TeamKernel(ref _addAll, team, ReductionKernels.AddAll<SingleThread>, ReductionKernels.AddAll<GroupOfThreads>)(_stream, GridOfOneTeam(team), sums, count);

    private double SumOfAll(Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>> kernel, ThreadTeamKind team, MemoryBlock x, int length)
    {
        KernelConfig grid = GridForElements(team, length);
        int teams = TeamsOf(team, grid);
        GpuBlock scratch = RentDoubles(teams);
        kernel(_stream, grid, Floats(x), length, scratch.Doubles);
        AddAll(team, scratch.Doubles, teams);
        double result = 0;
        scratch.Doubles.SubView(0, 1).CopyToCPU(_stream, ref result, 1);
        CountSynchronization();
        Return(scratch);
        return result;
    }
}

/// <summary>What is summed: so many results of so many terms each, in pieces of every piece-th term.</summary>
internal readonly struct SumShape(AxisOffsets kept, AxisOffsets summed, int results, int terms, int pieces, int areRuns)
{
    public readonly AxisOffsets Kept = kept, Summed = summed;
    public readonly int Results = results, Terms = terms, Pieces = pieces;

    /// <summary>Whether the innermost axis is summed (1): then pieces of one result are neighbours, else results of one piece.</summary>
    public readonly int AreRuns = areRuns;
}

/// <summary>What runs on the device.</summary>
internal static class ReductionKernels
{
    [GpuKernel]
    public static void Expand(AxisOffsets offsets, ArrayView<float> small, ArrayView<float> full, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float value = small[offsets.Of(i)];
            full[i] = accumulate != 0 ? full[i] + value : value;
        }
    }

    [GpuKernel]
    public static void Sum(SumShape shape, ArrayView<float> full, float factor, ArrayView<float> small, int accumulate)
    {
        for (int result = GridStride.First; result < shape.Results; result += GridStride.Step)
        {
            double sum = 0;
            int first = shape.Kept.Of(result);
            for (int term = 0; term < shape.Terms; term++)
                sum += full[first + shape.Summed.Of(term)];
            Store(small, result, (float)(factor * sum), accumulate);
        }
    }

    [GpuKernel]
    public static void SumPieces(SumShape shape, ArrayView<float> full, ArrayView<double> sums)
    {
        for (int i = GridStride.First; i < shape.Results * shape.Pieces; i += GridStride.Step)
        {
            int outer = shape.AreRuns != 0 ? i / shape.Pieces : i / shape.Results;
            int inner = shape.AreRuns != 0 ? i - outer * shape.Pieces : i - outer * shape.Results;
            int first = shape.Kept.Of(shape.AreRuns != 0 ? outer : inner);
            double sum = 0;
            for (int term = shape.AreRuns != 0 ? inner : outer; term < shape.Terms; term += shape.Pieces)
                sum += full[first + shape.Summed.Of(term)];
            sums[i] = sum;
        }
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(WarpOfThreads))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void AddPieces<TTeam>(SumShape shape, ArrayView<double> sums, float factor, ArrayView<float> small, int accumulate)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        for (int result = team.Index; result < shape.Results; result += team.Count)
        {
            double sum = 0;
            for (int piece = team.Rank; piece < shape.Pieces; piece += team.Size)
                sum += sums[shape.AreRuns != 0 ? result * shape.Pieces + piece : piece * shape.Results + result];
            sum = team.Sum(sum);
            if (team.Rank == 0)
                Store(small, result, (float)(factor * sum), accumulate);
        }
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void SumOfSquares<TTeam>(ArrayView<float> x, int length, ArrayView<double> sums)
        where TTeam : unmanaged, IThreadTeam
    {
        double sum = 0;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            sum += (double)x[i] * x[i];
        EndSum<TTeam>(sum, sums);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void SumOfMagnitudes<TTeam>(ArrayView<float> x, int length, ArrayView<double> sums)
        where TTeam : unmanaged, IThreadTeam
    {
        double sum = 0;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            sum += ScalarFunctions.Abs(x[i]);
        EndSum<TTeam>(sum, sums);
    }

    /// <summary>Takes what a thread has added up on its way.</summary>
    public static void EndSum<TTeam>(double sum, ArrayView<double> sums)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        sum = team.Sum(sum);
        if (team.Rank == 0)
            sums[team.Index] = sum;
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void AddAll<TTeam>(ArrayView<double> sums, int count)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double sum = 0;
        for (int i = team.Rank; i < count; i += team.Size)
            sum += sums[i];
        sum = team.Sum(sum);
        if (team.Rank == 0)
            sums[0] = sum;
    }

    // Without their sign, the bits of floats are in the order of the floats, and those of NaN above all.
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void LargestMagnitude<TTeam>(ArrayView<int> bits, int length, ArrayView<int> results)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        int largest = 0;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int magnitude = bits[i] & int.MaxValue;
            largest = magnitude > largest ? magnitude : largest;
        }

        largest = team.Max(largest);
        if (team.Rank == 0)
            results[team.Index] = largest;
    }

    public static void Store(ArrayView<float> destination, int i, float value, int accumulate) =>
        destination[i] = accumulate != 0 ? destination[i] + value : value;
}
