using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// What a figure is timed with. The processor time of this process is blind to whatever else runs on the machine, so it
/// is right for one thread; with more, waiting for one another is part of the work and only the time on the wall shows it.
/// </summary>
internal readonly struct Clock
{
    private const int ProcessTimeOnLinux = 2, ProcessTimeOnMacOS = 12;
    private readonly bool _countsProcessorTime;

    private Clock(bool countsProcessorTime) => _countsProcessorTime = countsProcessorTime;

    /// <summary>The processor time of all threads of this process.</summary>
    public static Clock Processor => new(countsProcessorTime: true);

    /// <summary>The time that passes.</summary>
    public static Clock Wall => default;

    /// <summary>Its name in the output.</summary>
    public string Name => _countsProcessorTime ? "processor" : "wall";

    /// <summary>The clock for work on the given number of threads.</summary>
    public static Clock For(int threads) => threads == 1 ? Processor : Wall;

    /// <summary>Seconds since some moment.</summary>
    public double Seconds()
    {
        if (!_countsProcessorTime)
            return Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

        // .NET's own processor time is the sum of two counters that are read apart; the system call gives nanoseconds.
        if ((OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
            && GetTime(OperatingSystem.IsLinux() ? ProcessTimeOnLinux : ProcessTimeOnMacOS, out TimeValue time) == 0)
        {
            return time.Seconds + time.Nanoseconds * 1e-9;
        }

        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out TimeValue time);

    private struct TimeValue
    {
        public nint Seconds, Nanoseconds;
    }
}
