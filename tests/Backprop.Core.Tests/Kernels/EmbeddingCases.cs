using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the kernels that replace keys by rows of tables.</summary>
internal static class EmbeddingCases
{
    /// <summary>Rows of all kinds: one key, keys and numbers mixed, wide tables, no rows.</summary>
    public static IEnumerable<(string Name, EmbeddingLayout Layout, int Rows)> Layouts()
    {
        foreach ((int rows, int tableRows, int dimension) in ((int, int, int)[])[(1, 1, 1), (0, 3, 4), (5, 7, 3), (64, 10, 16), (300, 17, 33), (4000, 50, 64), (2000, 3000, 130), (70_000, 5, 2)])
        {
            yield return ($"{rows} keys into {tableRows} rows of {dimension}", new EmbeddingLayout(tableRows, dimension, null), rows);
            yield return ($"{rows} keys into {tableRows} rows of {dimension}, row {tableRows - 1} fixed", new EmbeddingLayout(tableRows, dimension, tableRows - 1), rows);
        }

        foreach (int rows in (int[])[0, 1, 3, 130, 2500])
        {
            yield return ($"{rows} rows, number key", Mixed(2, (1, 4, 5)), rows);
            yield return ($"{rows} rows, key number number key key number", Mixed(6, (0, 9, 3), (3, 40, 17), (4, 2, 1)), rows);
            yield return ($"{rows} rows, 40 numbers between wide tables", Mixed(42, (0, 6, 50), (41, 100, 65)), rows);
            yield return ($"{rows} rows of numbers alone", new EmbeddingLayout(7, [new EmbeddingField(0, 0, 7)]), rows);
        }
    }

    public static IEnumerable<KernelCase> Forward()
    {
        foreach ((string name, EmbeddingLayout layout, int rows) in Layouts())
            yield return new KernelCase(
                name, [KernelBlock.Source(Rows(layout, rows)), KernelBlock.Source(Samples.Uniform(layout.TableLength, 2)), KernelBlock.Destination(rows * layout.OutputWidth)],
                (d, m) => d.Embed(layout, rows, m[0], m[1], m[2]));
    }

    public static IEnumerable<KernelCase> BackwardTables()
    {
        foreach ((string name, EmbeddingLayout layout, int rows) in Layouts())
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{name}, accumulate {accumulate}",
                    [KernelBlock.Source(Rows(layout, rows)), KernelBlock.Source(Samples.Uniform(rows * layout.OutputWidth, 2)), KernelBlock.Result(layout.TableLength, accumulate, 3)],
                    (d, m) => d.EmbedBackwardTables(layout, rows, m[0], m[1], m[2], accumulate),
                    SumTolerance(rows));
    }

    public static IEnumerable<KernelCase> BackwardInput()
    {
        foreach ((string name, EmbeddingLayout layout, int rows) in Layouts())
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{name}, accumulate {accumulate}",
                    [KernelBlock.Source(Samples.Uniform(rows * layout.OutputWidth, 2)), KernelBlock.Result(rows * layout.InputWidth, accumulate, 3)],
                    (d, m) => d.EmbedBackwardInput(layout, rows, m[0], m[1], accumulate));
    }

    /// <summary>A layout with the given columns as keys (column, rows of its table, dimension); the others are numbers.</summary>
    public static EmbeddingLayout Mixed(int width, params (int Column, int Rows, int Dimension)[] keys)
    {
        var fields = new List<EmbeddingField>();
        int destination = 0, start = 0, next = 0;
        foreach ((int column, int rows, int dimension) in keys.Append((width, 0, 0)))
        {
            if (column > next)
                fields.Add(new EmbeddingField(next, destination, column - next));
            destination += column - next;
            if (rows > 0)
                fields.Add(new EmbeddingField(column, destination, dimension) { TableRows = rows, TableStart = start });
            destination += dimension;
            start += rows * dimension;
            next = column + 1;
        }

        return new EmbeddingLayout(width, [.. fields]);
    }

    /// <summary>Rows with keys that exist, and now and then one that does not, one between two and one that is missing.</summary>
    private static float[] Rows(in EmbeddingLayout layout, int rows)
    {
        float[] x = Samples.Uniform(rows * layout.InputWidth, 1);
        var random = new Random(5);
        for (int row = 0; row < rows; row++)
        {
            for (int f = 0; f < layout.Count; f++)
            {
                if (layout[f] is { IsKey: true } field)
                    x[row * layout.InputWidth + field.Source] = random.Next(12) switch
                    {
                        0 => field.TableRows,
                        1 => -1,
                        2 => float.NaN,
                        3 => float.PositiveInfinity,
                        4 => random.Next(field.TableRows) + 0.5f,
                        5 => random.Next(field.TableRows) - 0.25f,
                        _ => random.Next(field.TableRows),
                    };
            }
        }

        return x;
    }

    // A sum of n numbers in floats, one after the other, is off by some √n roundings; of 70,000 numbers into 5 rows, thousands.
    private static double SumTolerance(int rows) => rows > 1000 ? KernelHarness.Loss : KernelHarness.Exact;
}
