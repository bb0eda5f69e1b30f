using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Repetition of a small tensor along the axes it lacks.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate)
    {
        if (accumulate)
            Expand<Accumulate>(layout, Pointer(small), Pointer(full));
        else
            Expand<Overwrite>(layout, Pointer(small), Pointer(full));
    }

    private void Expand<TOutput>(in BroadcastLayout layout, float* small, float* full)
        where TOutput : IOutput
    {
        // The innermost axis is a run: of the small tensor's elements, or of one of them repeated.
        int innermost = layout.Rank - 1, run = layout.Rank == 0 ? 1 : layout[innermost];
        bool runIsKept = layout.Rank == 0 || layout.IsKept(innermost);
        if (layout.Rank <= 1 && runIsKept)
        {
            ForEachElement(new RunKernel<TOutput>(small, full), run);
            return;
        }

        if (layout.Rank == 1)
        {
            ForEachElement(new RepeatKernel<TOutput>(*small, full), run);
            return;
        }

        int rows = 1, smallStride = runIsKept ? run : 1;
        var walk = new AxisWalk();
        for (int axis = innermost - 1; axis >= 0; axis--)
        {
            bool isKept = layout.IsKept(axis);
            walk.AddOuter(layout[axis], isKept ? smallStride : 0);
            rows *= layout[axis];
            smallStride *= isKept ? layout[axis] : 1;
        }

        ForEachRange(new ExpandKernel<TOutput>(walk, run, runIsKept, small, full), rows, run);
    }

    /// <summary>
    /// Some of a tensor's axes, outermost last, as one index: which offset belongs to the i-th combination of positions
    /// along them.
    /// </summary>
    private struct AxisWalk
    {
        private ShapeBuffer _lengths;
        private ShapeBuffer _strides;
        private int _rank;

        public AxisWalk() => Count = 1;

        /// <summary>The number of combinations.</summary>
        public int Count { get; private set; }

        /// <summary>Adds an axis outside of those that are there.</summary>
        public void AddOuter(int length, int stride)
        {
            _lengths[_rank] = length;
            _strides[_rank] = stride;
            _rank++;
            Count *= length;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly nint Offset(int index)
        {
            // The outermost axis needs no division: what is left of the index is its position.
            nint offset = 0;
            int last = _rank - 1;
            for (int axis = 0; axis < last; axis++)
            {
                (index, int position) = Math.DivRem(index, _lengths[axis]);
                offset += (nint)position * _strides[axis];
            }

            return last < 0 ? 0 : offset + (nint)index * _strides[last];
        }
    }

    private readonly struct RunKernel<TOutput>(float* source, float* destination) : IElementwiseKernel
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes => TOutput.Write<TSimd, TLanes>(TLanes.Load<TSimd>(source + i, count), destination + i, count);
    }

    private readonly struct RepeatKernel<TOutput>(float value, float* destination) : IElementwiseKernel
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes => TOutput.Write<TSimd, TLanes>(TSimd.Create(value), destination + i, count);
    }

    private readonly struct ExpandKernel<TOutput>(AxisWalk walk, int run, bool runIsKept, float* small, float* full) : IRangeKernel
        where TOutput : IOutput
    {
        private readonly AxisWalk _walk = walk;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int row = start; row < end; row++)
            {
                float* source = small + _walk.Offset(row), destination = full + (nint)row * run;
                if (runIsKept)
                    ElementwiseRange<RunKernel<TOutput>>.Apply<TSimd>(new(source, destination), 0, run);
                else
                    ElementwiseRange<RepeatKernel<TOutput>>.Apply<TSimd>(new(*source, destination), 0, run);
            }
        }
    }
}
