namespace WebServiceLoad;

/// <summary>What a run of load found.</summary>
internal sealed record LoadResult(
    string Name, double? Rate, int Batch, double Seconds, long Requests, long Errors, string? Error, Latencies Latencies, TimeSpan ServiceTime, long ServiceMemory)
{
    public double RequestsPerSecond => Requests / Seconds;

    public static void WriteHeader() =>
        Console.WriteLine($"{"images as",-14}{"requests due/s",15}{"predictions/s",15}{"p50 ms",9}{"p95 ms",9}{"p99 ms",9}{"max ms",9}{"errors",8}{"service CPU us",16}{"service MiB",13}");

    /// <summary>One result of several runs of the same kind.</summary>
    public static LoadResult Sum(LoadResult[] parts) => parts[^1] with
    {
        Seconds = parts.Sum(part => part.Seconds),
        Requests = parts.Sum(part => part.Requests),
        Errors = parts.Sum(part => part.Errors),
        Error = parts.Select(part => part.Error).FirstOrDefault(error => error is not null),
        Latencies = Latencies.Sum(parts.Select(part => part.Latencies)),
        ServiceTime = new TimeSpan(parts.Sum(part => part.ServiceTime.Ticks)),
    };

    public void Write()
    {
        string due = Rate is { } rate ? $"{rate:N0}" : "closed";
        Console.WriteLine($"{Name,-14}{due,15}{RequestsPerSecond * Batch,15:N0}{Latencies.Milliseconds(0.5),9:0.000}{Latencies.Milliseconds(0.95),9:0.000}{Latencies.Milliseconds(0.99),9:0.000}{Latencies.MaximumMilliseconds,9:0.000}{Errors,8}{ServiceTime.TotalMicroseconds / Math.Max(1, Requests * Batch),16:0.0}{ServiceMemory / 1048576.0,13:0.0}");
        if (Error is not null)
            Console.WriteLine($"  the first error: {Error}");
    }
}
