namespace Backprop.Benchmarks.Figures;

/// <summary>Seconds and managed bytes per call of some work, from several repetitions of many calls each.</summary>
internal readonly record struct Measurement(double Median, double Minimum, double Maximum, double AllocatedBytes)
{
    // The runtime replaces its first, unoptimised code in two stages, each of which it puts off for 100 ms whenever it meets
    // new code. So the work is warmed up in slices for as long as they get faster.
    private const double WarmUpSlice = 0.1;
    private const int FewestSlices = 3, MostSlices = 15;
    private const double StillFaster = 0.97;
    private const double SecondsPerRepetition = 0.04;
    private const int Repetitions = 7, RepetitionsOfSlowWork = 3;
    private const double SlowWork = 0.5; // seconds

    // A set of repetitions that lie further apart than this is taken again: something else was at work.
    private const double AcceptedSpread = 0.15;
    private const int MostSets = 3;
    private const double MostSeconds = 4;

    private double Spread => (Maximum - Minimum) / Median;

    /// <summary>Measures the work: the median of the tightest set of repetitions.</summary>
    public static Measurement Of(Action work, Clock clock)
    {
        double begin = Clock.Wall.Seconds();
        double secondsPerCall = WarmUp(work, clock);
        int calls = (int)Math.Clamp(SecondsPerRepetition / secondsPerCall, 1, int.MaxValue);
        int repetitions = secondsPerCall > SlowWork ? RepetitionsOfSlowWork : Repetitions;

        Measurement best = Set(work, clock, calls, repetitions);
        for (int set = 1; set < MostSets && best.Spread > AcceptedSpread && Clock.Wall.Seconds() - begin < MostSeconds; set++)
        {
            Measurement next = Set(work, clock, calls, repetitions);
            if (next.Spread < best.Spread)
                best = next;
        }

        return best;
    }

    /// <summary>From times that were measured elsewhere.</summary>
    public static Measurement From(double[] seconds)
    {
        Array.Sort(seconds);
        return new Measurement(seconds[seconds.Length / 2], seconds[0], seconds[^1], double.NaN);
    }

    private static double WarmUp(Action work, Clock clock)
    {
        double best = Slice(work, clock), last = best;
        for (int slice = 1; slice < FewestSlices || (slice < MostSlices && last < best * StillFaster); slice++)
        {
            best = Math.Min(best, last);
            last = Slice(work, clock);
        }

        return last;
    }

    private static double Slice(Action work, Clock clock)
    {
        double begin = clock.Seconds(), seconds;
        int calls = 0;
        do
        {
            work();
            calls++;
            seconds = clock.Seconds() - begin;
        }
        while (seconds < WarmUpSlice);
        return seconds / calls;
    }

    private static Measurement Set(Action work, Clock clock, int calls, int repetitions)
    {
        var seconds = new double[repetitions];
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        for (int repetition = 0; repetition < seconds.Length; repetition++)
        {
            double begin = clock.Seconds();
            for (int call = 0; call < calls; call++)
                work();
            seconds[repetition] = (clock.Seconds() - begin) / calls;
        }

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return From(seconds) with { AllocatedBytes = allocated / ((double)calls * repetitions) };
    }
}
