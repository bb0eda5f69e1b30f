namespace Backprop.Benchmarks.Figures;

/// <summary>Seconds and managed bytes per call of some work, from several repetitions of many calls each.</summary>
internal readonly record struct Measurement(double Median, double Minimum, double Maximum, double AllocatedBytes)
{
    // Long enough for the runtime to replace its first, unoptimised code: it waits 100 ms and goes by two stages.
    private const double WarmUpSeconds = 0.3;
    private const double SecondsPerRepetition = 0.04;
    private const int Repetitions = 7;

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

        Measurement best = Set(work, clock, calls);
        for (int set = 1; set < MostSets && best.Spread > AcceptedSpread && Clock.Wall.Seconds() - begin < MostSeconds; set++)
        {
            Measurement next = Set(work, clock, calls);
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
        double begin = clock.Seconds(), now, halfTime = begin;
        int calls = 0, callsAtHalf = 0;
        do
        {
            work();
            calls++;
            now = clock.Seconds();
            if (callsAtHalf == 0 && now - begin > WarmUpSeconds / 2)
                (callsAtHalf, halfTime) = (calls, now);
        }
        while (now - begin < WarmUpSeconds);

        // Only the second half tells how long a call takes: the first is compiled code taking over and memory touched first.
        return calls > callsAtHalf ? (now - halfTime) / (calls - callsAtHalf) : (now - begin) / calls;
    }

    private static Measurement Set(Action work, Clock clock, int calls)
    {
        var seconds = new double[Repetitions];
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        for (int repetition = 0; repetition < Repetitions; repetition++)
        {
            double begin = clock.Seconds();
            for (int call = 0; call < calls; call++)
                work();
            seconds[repetition] = (clock.Seconds() - begin) / calls;
        }

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return From(seconds) with { AllocatedBytes = allocated / ((double)calls * Repetitions) };
    }
}
