using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int f = 0; f < layout.Count; f++)
            {
                EmbeddingField field = layout[f];
                int from = row * layout.InputWidth + field.Source, to = row * layout.OutputWidth + field.Destination;
                for (int i = 0; i < field.Width; i++)
                {
                    Values(y)[to + i] = !field.IsKey ? Values(x)[from + i]
                        : double.IsNaN(Values(x)[from]) ? double.NaN
                        : Values(tables)[field.TableStart + TableRow(field, Values(x)[from]) * field.Width + i];
                }
            }
        }
    }

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate)
    {
        if (!accumulate)
            Fill(gradTables, 0f, layout.TableLength);
        for (int row = 0; row < rows; row++)
        {
            for (int f = 0; f < layout.Count; f++)
            {
                EmbeddingField field = layout[f];
                double key = Values(x)[row * layout.InputWidth + field.Source];
                if (!field.IsKey || double.IsNaN(key) || TableRow(field, key) == field.FixedRow)
                    continue;
                for (int i = 0; i < field.Width; i++)
                    Values(gradTables)[field.TableStart + TableRow(field, key) * field.Width + i] += Values(gradOutput)[row * layout.OutputWidth + field.Destination + i];
            }
        }
    }

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int f = 0; f < layout.Count; f++)
            {
                EmbeddingField field = layout[f];
                for (int i = 0; i < (field.IsKey ? 1 : field.Width); i++)
                {
                    double gradient = field.IsKey ? 0 : Values(gradOutput)[row * layout.OutputWidth + field.Destination + i];
                    Store(Values(gradInput), row * layout.InputWidth + field.Source + i, gradient, accumulate);
                }
            }
        }
    }

    private static int TableRow(in EmbeddingField field, double key)
    {
        double nearest = Math.Round(key, MidpointRounding.ToEven);
        return nearest >= 0 && nearest < field.TableRows ? (int)nearest : 0;
    }
}
