using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Numbers for the host, many with one wait.</summary>
internal sealed partial class GpuDevice
{
    // One group of threads goes over so many elements sooner than a second kernel would be launched; not measured yet.
    private const int LongestBlockOfOneTeam = 1 << 16;

    // By thread: a training anticipates and asks on one, while others predict on the same device.
    private readonly ThreadLocal<Anticipation> _anticipations = new(() => new Anticipation());
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>>? _first;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<int>, int, ArrayView<double>>> _largestAsDouble;
    private TeamLaunchers<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, ArrayView<double>>> _addAllTo;
    private long _synchronizations;

    /// <summary>How often the host has waited for the device so far.</summary>
    public long Synchronizations => Interlocked.Read(ref _synchronizations);

    internal override bool Anticipates => true;

    internal override unsafe void Anticipate(ReadOnlySpan<Measurement> measurements)
    {
        Anticipation anticipation = _anticipations.Value!;
        anticipation.Known.Clear();
        if (measurements.Length == 0)
            return;
        GpuBlock results = RentDoubles(measurements.Length);
        for (int i = 0; i < measurements.Length; i++)
            LaunchMeasurement(measurements[i], results.Doubles.SubView(i, 1));
        if (anticipation.Downloaded.Length < measurements.Length)
            anticipation.Downloaded = new double[measurements.Length];
        fixed (double* pinned = anticipation.Downloaded)
            results.Doubles.SubView(0, measurements.Length).CopyToCPU(_stream, ref *pinned, measurements.Length);
        CountSynchronization();
        Return(results);
        for (int i = 0; i < measurements.Length; i++)
            anticipation.Known[measurements[i]] = anticipation.Downloaded[i];
    }

    internal override void ForgetAnticipated()
    {
        if (_anticipations.IsValueCreated)
            _anticipations.Value!.Known.Clear();
    }

    private void CountSynchronization() => Interlocked.Increment(ref _synchronizations);

    private bool IsAnticipated(MeasurementKind kind, MemoryBlock block, int length, out double value)
    {
        value = 0;
        if (!_anticipations.IsValueCreated || _anticipations.Value!.Known is not { Count: > 0 } known)
            return false;
        var measurement = new Measurement(kind, block, length);

        // A first element is asked for once: its block goes back to the pool then, and may hold something else at the next question.
        return kind == MeasurementKind.FirstElement ? known.Remove(measurement, out value) : known.TryGetValue(measurement, out value);
    }

    private sealed class Anticipation
    {
        public Dictionary<Measurement, double> Known { get; } = [];

        public double[] Downloaded { get; set; } = [];
    }

    private void LaunchMeasurement(in Measurement measurement, ArrayView<double> result)
    {
        ThreadTeamKind team = TeamForElements;
        int length = measurement.Length;
        bool isLong = length > LongestBlockOfOneTeam;
        KernelConfig grid = isLong ? GridForElements(team, length) : GridOfOneTeam(team);
        int teams = TeamsOf(team, grid);
        switch (measurement.Kind)
        {
            case MeasurementKind.FirstElement:
                Kernel(ref _first, MeasurementKernels.First)(_stream, new KernelConfig(1, 1), Floats(measurement.Block), result);
                break;
            case MeasurementKind.LargestMagnitude:
                var largest = TeamKernel(ref _largestAsDouble, team, MeasurementKernels.LargestMagnitude<SingleThread>, MeasurementKernels.LargestMagnitude<GroupOfThreads>);
                if (!isLong)
                {
                    largest(_stream, grid, Integers(measurement.Block), length, result);
                    break;
                }

                MemoryBlock found = Rent(teams, ElementType.Int32);
                TeamKernel(ref _largest, team, ReductionKernels.LargestMagnitude<SingleThread>, ReductionKernels.LargestMagnitude<GroupOfThreads>)(
                    _stream, grid, Integers(measurement.Block), length, Integers(found));
                largest(_stream, GridOfOneTeam(team), Integers(found), teams, result);
                Return(found);
                break;
            default:
                var sum = measurement.Kind == MeasurementKind.SumOfSquares ? SquaresKernel(team) : MagnitudesKernel(team);
                if (!isLong)
                {
                    sum(_stream, grid, Floats(measurement.Block), length, result);
                    break;
                }

                GpuBlock sums = RentDoubles(teams);
                sum(_stream, grid, Floats(measurement.Block), length, sums.Doubles);
                TeamKernel(ref _addAllTo, team, MeasurementKernels.AddAllTo<SingleThread>, MeasurementKernels.AddAllTo<GroupOfThreads>)(
                    _stream, GridOfOneTeam(team), sums.Doubles, teams, result);
                Return(sums);
                break;
        }
    }
}

/// <summary>What runs on the device.</summary>
internal static class MeasurementKernels
{
    [GpuKernel]
    public static void First(ArrayView<float> x, ArrayView<double> result) => result[0] = x[0];

    // One team. The bits of floats without their sign are in the order of the floats, and those of NaN above all.
    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void LargestMagnitude<TTeam>(ArrayView<int> bits, int length, ArrayView<double> result)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        int largest = 0;
        for (int i = team.Rank; i < length; i += team.Size)
        {
            int magnitude = bits[i] & int.MaxValue;
            largest = magnitude > largest ? magnitude : largest;
        }

        largest = team.Max(largest);
        if (team.Rank == 0)
            result[0] = Interop.IntAsFloat((uint)largest);
    }

    [GpuKernel(typeof(SingleThread))]
    [GpuKernel(typeof(GroupOfThreads))]
    public static void AddAllTo<TTeam>(ArrayView<double> sums, int count, ArrayView<double> result)
        where TTeam : unmanaged, IThreadTeam
    {
        TTeam team = default;
        double sum = 0;
        for (int i = team.Rank; i < count; i += team.Size)
            sum += sums[i];
        sum = team.Sum(sum);
        if (team.Rank == 0)
            result[0] = sum;
    }
}
