using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Keys replaced by rows of tables (gather), and the gradients of these rows (scatter).</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y)
    {
        ForEachRange(new EmbedKernel(layout, Pointer(x), Pointer(tables), Pointer(y)), rows, layout.OutputWidth);
        GC.KeepAlive(x);
        GC.KeepAlive(tables);
        GC.KeepAlive(y);
    }

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate)
    {
        // Rows of a table come in any order, so its columns are what threads can share: each sums its own, row after row.
        if (!accumulate)
            ForEachRange(new ZeroKernel(Pointer(gradTables)), layout.TableLength, 1);
        var kernel = new EmbedTablesKernel(layout, rows, Pointer(x), Pointer(gradOutput), Pointer(gradTables));
        int elementsPerUnit = (int)Math.Min((long)rows * EmbedTablesKernel.GroupWidth, int.MaxValue);
        ForEachRange(kernel, kernel.Groups, elementsPerUnit);
        GC.KeepAlive(x);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(gradTables);
    }

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (accumulate)
            ForEachRange(new EmbedInputKernel<Accumulate>(layout, Pointer(gradOutput), Pointer(gradInput)), rows, layout.InputWidth);
        else
            ForEachRange(new EmbedInputKernel<Overwrite>(layout, Pointer(gradOutput), Pointer(gradInput)), rows, layout.InputWidth);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(gradInput);
    }

    /// <summary>The row of a table that a key names; −1 for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int TableRow(float key, int tableRows)
    {
        int row = (int)MathF.Round(key); // what no int can hold becomes the nearest one that can
        return float.IsNaN(key) ? -1 : (uint)row < (uint)tableRows ? row : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteRun<TSimd, TOutput>(float* from, float* to, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TOutput : IOutput
    {
        int i = 0;
        for (; i <= count - TSimd.Width; i += TSimd.Width)
            TOutput.Write<TSimd, AllLanes>(TSimd.Load(from + i), to + i, TSimd.Width);
        if (i < count)
            TOutput.Write<TSimd, FirstLanes>(TSimd.Load(from + i, count - i), to + i, count - i);
    }

    private readonly struct EmbedKernel(in EmbeddingLayout layout, float* x, float* tables, float* y) : IRangeKernel
    {
        private readonly EmbeddingLayout _layout = layout;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int fields = _layout.Count;
            for (int row = start; row < end; row++)
            {
                float* from = x + (nint)row * _layout.InputWidth;
                float* to = y + (nint)row * _layout.OutputWidth;
                for (int f = 0; f < fields; f++)
                {
                    EmbeddingField field = _layout[f];
                    float* source = from + field.Source;
                    if (field.IsKey)
                    {
                        int tableRow = TableRow(*source, field.TableRows);
                        if (tableRow < 0)
                        {
                            new Span<float>(to + field.Destination, field.Width).Fill(float.NaN);
                            continue;
                        }

                        source = tables + field.TableStart + (nint)tableRow * field.Width;
                    }

                    WriteRun<TSimd, Overwrite>(source, to + field.Destination, field.Width);
                }
            }
        }
    }

    private readonly struct EmbedTablesKernel : IRangeKernel
    {
        /// <summary>Columns of a table that are summed together: whole cache lines, and few enough for every thread to get some.</summary>
        public const int GroupWidth = 32;

        private readonly EmbeddingLayout _layout;
        private readonly int _rows;
        private readonly float* _x, _gradOutput, _gradTables;

        public EmbedTablesKernel(in EmbeddingLayout layout, int rows, float* x, float* gradOutput, float* gradTables)
        {
            _layout = layout;
            _rows = rows;
            _x = x;
            _gradOutput = gradOutput;
            _gradTables = gradTables;
            for (int f = 0; f < layout.Count; f++)
                Groups += GroupsOf(layout[f]);
        }

        /// <summary>The groups of columns of all tables.</summary>
        public int Groups { get; }

        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int first = 0;
            for (int f = 0; f < _layout.Count; f++)
            {
                EmbeddingField field = _layout[f];
                int groups = GroupsOf(field);
                for (int group = Math.Max(start - first, 0); group < Math.Min(end - first, groups); group++)
                    AddColumns<TSimd>(field, group * GroupWidth, Math.Min(GroupWidth, field.Width - group * GroupWidth));
                first += groups;
            }
        }

        private static int GroupsOf(in EmbeddingField field) => field.IsKey ? (field.Width + GroupWidth - 1) / GroupWidth : 0;

        [MethodImpl(KernelLoop.Options)]
        private void AddColumns<TSimd>(EmbeddingField field, int column, int count)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float* key = _x + field.Source;
            float* gradient = _gradOutput + field.Destination + column;
            float* table = _gradTables + field.TableStart + column;
            int fixedRow = field.FixedRow ?? -1;
            for (int row = 0; row < _rows; row++, key += _layout.InputWidth, gradient += _layout.OutputWidth)
            {
                int tableRow = TableRow(*key, field.TableRows);
                if (tableRow >= 0 && tableRow != fixedRow)
                    WriteRun<TSimd, Accumulate>(gradient, table + (nint)tableRow * field.Width, count);
            }
        }
    }

    private readonly struct EmbedInputKernel<TOutput>(in EmbeddingLayout layout, float* gradOutput, float* gradInput) : IRangeKernel
        where TOutput : IOutput
    {
        private readonly EmbeddingLayout _layout = layout;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int row = start; row < end; row++)
            {
                float* from = gradOutput + (nint)row * _layout.OutputWidth;
                float* to = gradInput + (nint)row * _layout.InputWidth;
                for (int f = 0; f < _layout.Count; f++)
                {
                    EmbeddingField field = _layout[f];
                    if (!field.IsKey)
                        WriteRun<TSimd, TOutput>(from + field.Destination, to + field.Source, field.Width);
                    else if (typeof(TOutput) == typeof(Overwrite))
                        to[field.Source] = 0f;
                }
            }
        }
    }

    private readonly struct ZeroKernel(float* destination) : IRangeKernel
    {
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd> => new Span<float>(destination + start, end - start).Clear();
    }
}
