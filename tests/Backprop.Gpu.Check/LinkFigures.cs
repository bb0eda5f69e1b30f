using System.Diagnostics;
using Backprop.Benchmarks.Figures;
using Backprop.Devices.Gpu;
using Backprop.Memory;

namespace Backprop.GpuCheck;

/// <summary>What lies between host and device: launches, waits, copies.</summary>
internal static class LinkFigures
{
    /// <summary>What a launch and a wait cost.</summary>
    public static void Launches(FigureRun run)
    {
        int launches = run.IsTiny ? 20 : 2000;
        MemoryBlock block = run.Block(32, 1);
        run.Device.Fill(block, 1f, 32);
        run.Wait();
        double host = 0, whole = 0;
        for (int repetition = 0; repetition < 3; repetition++) // the last one counts
        {
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < launches; i++)
                run.Device.Fill(block, 1f, 32);
            host = Stopwatch.GetElapsedTime(begin).TotalSeconds / launches;
            run.Wait();
            whole = Stopwatch.GetElapsedTime(begin).TotalSeconds / launches;
        }

        run.Take("launch.host", () => new Figure("launch.host", host * 1e6, "us"));
        run.Take("launch.device", () => new Figure("launch.device", whole * 1e6, "us"));
        run.Take("launch.wait", () => new Figure("launch.wait", run.SecondsPerCall(run.Wait) * 1e6, "us"));
    }

    /// <summary>Uploads and downloads, from and to memory of the host that is not page-locked, as tensors do them.</summary>
    public static void Copies(FigureRun run)
    {
        int large = run.IsTiny ? 1 << 12 : 1 << 26;
        foreach ((string size, int length) in new[] { ("4KiB", 1 << 10), (run.IsTiny ? "16KiB" : "256MiB", large) })
        {
            float[] values = FigureData.Values(length, 1);
            MemoryBlock block = run.Device.Rent(length, ElementType.Float32);
            run.Bandwidth($"copy.upload.{size}", 4.0 * length, () => run.Device.Upload(values, block));
            run.Bandwidth($"copy.download.{size}", 4.0 * length, () => run.Device.Download(block, values));
            run.Device.Return(block);
        }
    }
}
