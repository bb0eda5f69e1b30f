using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>What runs on the device.</summary>
internal static class EmbeddingKernels
{
    // From here on, a float has no fraction.
    private const float TwoTo23 = 8388608f, TwoTo31 = 2147483648f;

    [GpuKernel]
    public static void Embed(EmbeddingWalk walk, ArrayView<int> fields, ArrayView<float> x, ArrayView<float> tables, ArrayView<float> y)
    {
        int length = walk.Rows * walk.OutputWidth;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int row = walk.OutputColumns.Split(i, out int place);
            EmbeddingColumn column = walk.Column(fields, place);
            float value = x[row * walk.InputWidth + column.Source];
            if (column.TableRows > 0)
            {
                int tableRow = TableRow(value, column.TableRows);
                value = tableRow < 0 ? float.NaN : tables[column.Offset + tableRow * column.Width];
            }

            y[i] = value;
        }
    }

    /// <summary>The row of its table that each key gives its gradient to, key by key; −1 for none.</summary>
    [GpuKernel]
    public static void TableRows(EmbeddingWalk walk, ArrayView<int> fields, ArrayView<float> x, ArrayView<int> tableRows)
    {
        int length = walk.Keys * walk.Rows;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int key = walk.RowsDivisor.Split(i, out int row);
            walk.Key(fields, key, out int source, out int rows, out int fixedRow);
            int tableRow = TableRow(x[row * walk.InputWidth + source], rows);
            tableRows[i] = tableRow == fixedRow ? -1 : tableRow;
        }
    }

    /// <summary>The gradients of tables with few elements: a thread looks through all rows for those that name its own.</summary>
    [GpuKernel]
    public static void BackwardSmallTables(
        EmbeddingWalk walk, ArrayView<int> fields, ArrayView<int> tableRows, int rowsOfTables, ArrayView<float> gradOutput, ArrayView<float> gradTables, int accumulate)
    {
        int length = rowsOfTables * walk.OutputWidth;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int tableRow = walk.OutputColumns.Split(i, out int place);
            EmbeddingColumn column = walk.Column(fields, place);
            if (tableRow >= column.TableRows || !walk.IsSmall(column.TableRows, column.Width))
                continue;
            int element = column.Offset + tableRow * column.Width, first = column.Key * walk.Rows;
            float sum = accumulate != 0 ? gradTables[element] : 0f;
            for (int row = 0; row < walk.Rows; row++)
                if (tableRows[first + row] == tableRow)
                    sum += gradOutput[row * walk.OutputWidth + place];
            gradTables[element] = sum;
        }
    }

    /// <summary>
    /// Links the rows that name the same row of a table, from the first to the last: to each the next one, or the number of rows
    /// behind the last; of that −1 − it for all but the first, so that a chain is begun once.
    /// </summary>
    [GpuKernel]
    public static void Link(EmbeddingWalk walk, ArrayView<int> tableRows, ArrayView<int> links)
    {
        int length = walk.Keys * walk.Rows;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int key = walk.RowsDivisor.Quotient(i), first = key * walk.Rows, end = first + walk.Rows, tableRow = tableRows[i];
            if (tableRow < 0)
            {
                links[i] = -1 - walk.Rows;
                continue;
            }

            int next = i + 1, previous = i - 1;
            while (next < end && tableRows[next] != tableRow)
                next++;
            while (previous >= first && tableRows[previous] != tableRow)
                previous--;
            links[i] = previous < first ? next - first : -1 - (next - first);
        }
    }

    /// <summary>The gradients of the other tables: the thread of a chain's first row walks along it.</summary>
    [GpuKernel]
    public static void BackwardLargeTables(
        EmbeddingWalk walk, ArrayView<int> fields, ArrayView<int> tableRows, ArrayView<int> links, ArrayView<float> gradOutput, ArrayView<float> gradTables, int accumulate)
    {
        int length = walk.Rows * walk.OutputWidth;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int row = walk.OutputColumns.Split(i, out int place);
            EmbeddingColumn column = walk.Column(fields, place);
            if (column.TableRows == 0 || walk.IsSmall(column.TableRows, column.Width))
                continue;
            int first = column.Key * walk.Rows, next = links[first + row];
            if (next < 0)
                continue;
            int element = column.Offset + tableRows[first + row] * column.Width;
            float sum = (accumulate != 0 ? gradTables[element] : 0f) + gradOutput[i];
            while (next < walk.Rows)
            {
                sum += gradOutput[next * walk.OutputWidth + place];
                next = -1 - links[first + next];
            }

            gradTables[element] = sum;
        }
    }

    [GpuKernel]
    public static void BackwardInput(EmbeddingWalk walk, ArrayView<int> fields, ArrayView<float> gradOutput, ArrayView<float> gradInput, int accumulate)
    {
        int length = walk.Rows * walk.InputWidth;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int row = walk.InputColumns.Split(i, out int place);
            int destination = walk.Destination(fields, place);
            float gradient = destination < 0 ? 0f : gradOutput[row * walk.OutputWidth + destination];
            gradInput[i] = accumulate != 0 ? gradInput[i] + gradient : gradient;
        }
    }

    /// <summary>The row of a table that a key names: the nearest number, ties to even, 0 where there is no such row, −1 for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int TableRow(float key, int tableRows)
    {
        if (ScalarFunctions.IsNaN(key))
            return -1;
        if (!(key > 0f) || key >= TwoTo31)
            return 0;
        float nearest = key < TwoTo23 ? key + TwoTo23 - TwoTo23 : key;
        int row = (int)nearest;
        return row < tableRows ? row : 0;
    }
}
