using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>What the processor and its memory can do at most, without the engine's kernels.</summary>
internal static unsafe class PeakFigures
{
    private const long Rounds = 5_000_000;

    // Three of them are far larger than the caches; the large element-wise figures have arrays of the same size.
    private const int LargeLength = 16 << 20;

    // As large as the first weight of the 784-256-128-10 network: it stays in the second-level cache.
    private const int WeightLength = 784 * 256;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        run.Rate($"peak.{FmaLoop.Name}", run.Threads * Rounds * FmaLoop.OperationsPerRound / 1e9, "GFLOP/s",
            () => OnThreads(run.Threads, _ => FmaLoop.Run(Rounds)));
        Weight(run);
        if (run.Wants("peak.triad") || run.Wants("peak.read.dram"))
            Large(run);
    }

    private static void Weight(FigureRun run)
    {
        // The engine's blocks start at a cache line, so these loops read what its kernels would read.
        var blocks = Enumerable.Range(0, run.Threads).Select(_ => new NativeBlock(WeightLength)).ToArray();
        foreach (NativeBlock block in blocks)
            new Span<float>(block.Floats, WeightLength).Fill(1f);
        const int Passes = 100; // one takes microseconds
        run.Rate("peak.read.784KiB", 4.0 * WeightLength * Passes * run.Threads / 1e9, "GB/s", () => OnThreads(run.Threads, thread =>
        {
            for (int pass = 0; pass < Passes; pass++)
                BandwidthLoops.Read(blocks[thread].Floats, WeightLength);
        }));
        foreach (NativeBlock block in blocks)
            block.Free();
    }

    private static void Large(FigureRun run)
    {
        int part = LargeLength / run.Threads / BandwidthLoops.LengthUnit * BandwidthLoops.LengthUnit;
        double values = (double)part * run.Threads;
        NativeBlock a = new(LargeLength), b = new(LargeLength), c = new(LargeLength);
        foreach (NativeBlock block in new[] { a, b, c })
            new Span<float>(block.Floats, LargeLength).Fill(1f);

        // 12 bytes a value: what the processor reads of a's old content is not counted, as in STREAM.
        run.Rate("peak.triad.dram", 12 * values / 1e9, "GB/s",
            () => OnThreads(run.Threads, thread => BandwidthLoops.Triad(a.Floats + thread * part, b.Floats + thread * part, c.Floats + thread * part, part)));
        run.Rate("peak.triad_nontemporal.dram", 12 * values / 1e9, "GB/s",
            () => OnThreads(run.Threads, thread => BandwidthLoops.TriadNonTemporal(a.Floats + thread * part, b.Floats + thread * part, c.Floats + thread * part, part)));
        run.Rate("peak.read.dram", 4 * values / 1e9, "GB/s",
            () => OnThreads(run.Threads, thread => BandwidthLoops.Read(a.Floats + thread * part, part)));
        foreach (NativeBlock block in new[] { a, b, c })
            block.Free();
    }

    private static void OnThreads(int threads, Action<int> work)
    {
        // Threads of their own, since the peak must not depend on how well the engine's pool divides work.
        var others = new Thread[threads - 1];
        for (int i = 0; i < others.Length; i++)
        {
            int thread = i + 1;
            others[i] = new Thread(() => work(thread));
            others[i].Start();
        }

        work(0);
        foreach (Thread other in others)
            other.Join();
    }
}
