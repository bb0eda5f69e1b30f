using System.Diagnostics;

namespace WebServiceLoad;

/// <summary>Counts times, to the microsecond up to a fifth of a second; of longer ones only how many and the longest.</summary>
internal sealed class Latencies
{
    private const int Most = 200_000;

    private readonly int[] _counts = new int[Most + 1];

    public double MaximumMilliseconds { get; private set; }

    public void Add(long ticks)
    {
        double microseconds = ticks * (1e6 / Stopwatch.Frequency);
        _counts[(int)Math.Min(microseconds, Most)]++;
        MaximumMilliseconds = Math.Max(MaximumMilliseconds, microseconds / 1000);
    }

    /// <summary>The time within which this share of the requests was answered.</summary>
    public double Milliseconds(double share)
    {
        long all = 0, seen = 0;
        foreach (int count in _counts)
            all += count;
        for (int i = 0; i < Most; i++)
        {
            seen += _counts[i];
            if (seen > 0 && seen >= share * all)
                return (i + 1) / 1000.0;
        }
        return MaximumMilliseconds;
    }

    public static Latencies Sum(IEnumerable<Latencies> parts)
    {
        var sum = new Latencies();
        foreach (Latencies part in parts)
        {
            for (int i = 0; i <= Most; i++)
                sum._counts[i] += part._counts[i];
            sum.MaximumMilliseconds = Math.Max(sum.MaximumMilliseconds, part.MaximumMilliseconds);
        }
        return sum;
    }
}
