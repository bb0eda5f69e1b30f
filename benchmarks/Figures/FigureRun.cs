using System.Globalization;

namespace Backprop.Benchmarks.Figures;

/// <summary>One run: which figures are wanted, on how many threads, and how they are printed.</summary>
internal sealed class FigureRun
{
    private readonly string[] _prefixes;

    /// <param name="threads">The threads that the work may use.</param>
    /// <param name="prefixes">Beginnings of the names that are wanted; none means all.</param>
    public FigureRun(int threads, string[] prefixes)
    {
        Threads = threads;
        Clock = Clock.For(threads);
        _prefixes = prefixes;
    }

    /// <summary>The threads that the work may use.</summary>
    public int Threads { get; }

    /// <summary>The clock for this number of threads.</summary>
    public Clock Clock { get; }

    /// <summary>Reads <c>[--threads N] [--only prefix,...]</c>; null, with a message, if it is something else.</summary>
    public static FigureRun? Parse(ReadOnlySpan<string> arguments)
    {
        int threads = 1;
        string[] prefixes = [];
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            bool understood = arguments[i] switch
            {
                "--threads" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out threads) && threads >= 1,
                "--only" => (prefixes = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Length > 0,
                _ => false,
            };
            if (!understood)
            {
                Console.Error.WriteLine($"Not understood: '{arguments[i]} {value}'. Expected [--threads N] with N at least 1, [--only prefix,...].");
                return null;
            }
        }

        return new FigureRun(threads, prefixes);
    }

    /// <summary>Whether a figure of this name, or any whose name begins with it, is wanted.</summary>
    public bool Wants(string name) => _prefixes.Length == 0 || Array.Exists(_prefixes, prefix =>
        name.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(name, StringComparison.Ordinal));

    /// <summary>
    /// Takes a group of figures between two probes of the multiply-add rate. Where the two differ, or differ from those of
    /// another run, the machine was not the same and the figures do not compare.
    /// </summary>
    public void Group(string name, Action<FigureRun> figures)
    {
        if (!Wants(name))
            return;
        Probe($"probe.{name}.before.{FmaLoop.Name}");
        figures(this);
        GC.Collect(); // so that the next group does not pay for what this one leaves
        Probe($"probe.{name}.after.{FmaLoop.Name}");
    }

    /// <summary>Prints how much work is done in a second.</summary>
    /// <param name="name">The name, without the number of threads.</param>
    /// <param name="workPerCall">What one call does, in the unit without its "/s".</param>
    /// <param name="unit">The unit.</param>
    /// <param name="work">The call.</param>
    public void Rate(string name, double workPerCall, string unit, Action work)
    {
        if (IsWanted(name))
            PrintRate(name, workPerCall, unit, Measurement.Of(work, Clock));
    }

    /// <summary>Prints how long a call takes.</summary>
    /// <param name="name">The name, without the number of threads.</param>
    /// <param name="unitsPerSecond">10⁶ for microseconds.</param>
    /// <param name="unit">The unit.</param>
    /// <param name="work">The call.</param>
    public void Time(string name, double unitsPerSecond, string unit, Action work)
    {
        if (IsWanted(name))
            PrintTime(name, unitsPerSecond, unit, Measurement.Of(work, Clock));
    }

    /// <summary>Prints time and managed allocation of a call.</summary>
    public void TimeAndAllocation(string name, double unitsPerSecond, string unit, Action work)
    {
        if (!IsWanted(name))
            return;
        Measurement measured = Measurement.Of(work, Clock);
        PrintTime(name, unitsPerSecond, unit, measured);
        PrintAllocation($"{name}.alloc", measured);
    }

    /// <summary>Prints time, managed allocation, and rate of floating-point operations of a training step.</summary>
    public void Step(string name, double operations, Action work)
    {
        if (!IsWanted($"{name}.step"))
            return;
        Measurement measured = Measurement.Of(work, Clock);
        PrintTime($"{name}.step", 1e6, "us/step", measured);
        PrintRate($"{name}.gemm_flop_rate", operations / 1e9, "GFLOP/s", measured);
        PrintAllocation($"{name}.alloc", measured);
    }

    /// <summary>The same for a step on images, with how many of them it takes in a second.</summary>
    public void ImageStep(string name, int images, double operations, Action work)
    {
        if (!IsWanted($"{name}.step"))
            return;
        Measurement measured = Measurement.Of(work, Clock);
        PrintRate($"{name}.rate", images, "images/s", measured);
        PrintTime($"{name}.step", 1e3, "ms/step", measured);
        PrintRate($"{name}.flop_rate", operations / 1e9, "GFLOP/s", measured);
        PrintValue($"{name}.flop_per_step.t{Threads}", operations / 1e9, "GFLOP");
        PrintAllocation($"{name}.alloc", measured);
    }

    /// <summary>Prints bandwidth and time of a call that moves the given number of bytes.</summary>
    public void Bandwidth(string name, double bytes, Action work)
    {
        if (!IsWanted(name))
            return;
        Measurement measured = Measurement.Of(work, Clock);
        PrintRate(name, bytes / 1e9, "GB/s", measured);
        PrintTime($"{name}.time", 1e6, "us", measured);
    }

    /// <summary>Prints a line.</summary>
    public void PrintTime(string name, double unitsPerSecond, string unit, in Measurement measured) => Print(
        $"{name}.t{Threads}", measured.Median * unitsPerSecond, unit, measured.Minimum * unitsPerSecond, measured.Maximum * unitsPerSecond);

    /// <summary>Prints a line whose value, minimum and maximum are the same.</summary>
    public static void PrintValue(string name, double value, string unit) => Print(name, value, unit, value, value);

    /// <summary>Prints a line: the median, the least and the greatest of some values that were measured elsewhere.</summary>
    public void PrintValues(string name, double[] values, string unit)
    {
        double[] sorted = [.. values.Order()];
        Print($"{name}.t{Threads}", sorted[sorted.Length / 2], unit, sorted[0], sorted[^1]);
    }

    /// <summary>How many processes and threads want to run, on average over the last minute; NaN where the system does not tell.</summary>
    public static double LoadAverage() => File.Exists("/proc/loadavg")
        ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture)
        : double.NaN;

    private bool IsWanted(string name) => _prefixes.Length == 0
        || Array.Exists(_prefixes, prefix => $"{name}.t{Threads}".StartsWith(prefix, StringComparison.Ordinal));

    private static void Probe(string name)
    {
        Measurement measured = Measurement.Of(() => FmaLoop.Run(FmaLoop.RoundsPerProbe), Clock.Processor);
        double work = FmaLoop.OperationsPerRound * FmaLoop.RoundsPerProbe / 1e9;
        Print(name, work / measured.Median, "GFLOP/s", work / measured.Maximum, work / measured.Minimum);
    }

    private void PrintRate(string name, double workPerCall, string unit, in Measurement measured) => Print(
        $"{name}.t{Threads}", workPerCall / measured.Median, unit, workPerCall / measured.Maximum, workPerCall / measured.Minimum);

    private void PrintAllocation(string name, in Measurement measured) =>
        PrintValue($"{name}.t{Threads}", Math.Round(measured.AllocatedBytes, 2), "managed_B/call");

    private static void Print(string name, double value, string unit, double minimum, double maximum) =>
        Console.WriteLine($"{name}\t{Format(value)}\t{unit}\tmin={Format(minimum)}\tmax={Format(maximum)}");

    private static string Format(double value) =>
        value.ToString(Math.Abs(value) >= 10000 ? "F0" : Math.Abs(value) >= 100 ? "F1" : "G4", CultureInfo.InvariantCulture);
}
