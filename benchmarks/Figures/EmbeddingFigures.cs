using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// Keys that become rows of tables, and the gradients of these rows: tokens of a text, and the eight categories of adult beside its six
/// numbers. The traffic counts what is read and written of rows and gradients, keys not included.
/// </summary>
internal static class EmbeddingFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach ((int keys, int tableRows, int dimension) in new[] { (4096, 10_000, 64), (4096, 10_000, 256) })
            Print(run, device, $"embedding.tokens{keys}_{tableRows}x{dimension}", new EmbeddingLayout(tableRows, dimension, null), keys);
        Print(run, device, "embedding.adult256", Adult(), 256);
        device.Workers.Dispose();
    }

    private static void Print(FigureRun run, CpuDevice device, string name, EmbeddingLayout layout, int rows)
    {
        if (!run.Wants(name))
            return;
        var x = new float[rows * layout.InputWidth];
        var random = new Random(1);
        for (int row = 0; row < rows; row++)
            for (int f = 0; f < layout.Count; f++)
                x[row * layout.InputWidth + layout[f].Source] = layout[f].IsKey ? random.Next(layout[f].TableRows) : 1f;
        MemoryBlock keys = device.Rent(x.Length, ElementType.Float32), tables = device.Block(layout.TableLength, 1), y = device.Block(rows * layout.OutputWidth, 2);
        device.Upload(x, keys);
        double gigabytes = rows * layout.OutputWidth * sizeof(float) * 1e-9;
        run.Rate($"{name}.gather", 2 * gigabytes, "GB/s", () => device.Embed(layout, rows, keys, tables, y));
        run.Rate($"{name}.scatter", 3 * gigabytes, "GB/s", () => device.EmbedBackwardTables(layout, rows, keys, y, tables, accumulate: true));
        run.Time($"{name}.scatter_zeroed", 1e6, "us", () => device.EmbedBackwardTables(layout, rows, keys, y, tables, accumulate: false));
        device.Return(keys);
        device.Return(tables);
        device.Return(y);
    }

    private static EmbeddingLayout Adult()
    {
        var fields = new List<EmbeddingField> { new(0, 0, 6) };
        int destination = 6, start = 0;
        foreach (int categories in new[] { 8, 16, 7, 14, 6, 5, 2, 41 })
        {
            int dimension = EmbeddedColumn.DimensionFor(categories);
            fields.Add(new EmbeddingField(fields.Count + 5, destination, dimension) { TableRows = categories + 1, TableStart = start });
            destination += dimension;
            start += (categories + 1) * dimension;
        }

        return new EmbeddingLayout(14, [.. fields]);
    }
}
