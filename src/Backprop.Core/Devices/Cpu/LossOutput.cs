using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>What the loss kernels have in common: weights, the factor of the mean, and where the losses go.</summary>
internal readonly unsafe struct LossOutput
{
    private readonly float* _rowWeights;
    private readonly float* _losses;
    private readonly double* _chunkSums;

    /// <param name="arguments">The arguments of the kernel.</param>
    /// <param name="chunkSums">One place per chunk, for the reductions that sum.</param>
    public LossOutput(in LossArguments arguments, double* chunkSums)
    {
        _rowWeights = CpuDevice.PointerOrNull(arguments.RowWeights);
        _losses = arguments.Reduction == Reduction.None ? CpuDevice.PointerOrNull(arguments.Loss) : null;
        _chunkSums = chunkSums;
        ColumnWeights = CpuDevice.PointerOrNull(arguments.ColumnWeights);
        GradientScale = arguments.Reduction == Reduction.Mean ? 1 / arguments.Divisor : 1;
    }

    /// <summary>One factor per class or column, or null for 1.</summary>
    public float* ColumnWeights { get; }

    /// <summary>The derivative of the reduced loss with respect to the loss of a row: 1, or 1/divisor for the mean.</summary>
    public double GradientScale { get; }

    /// <summary>Where the single losses go, or null when they are summed.</summary>
    public float* Losses => _losses;

    public float* RowWeights => _rowWeights;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double RowWeight(nint row) => _rowWeights == null ? 1 : _rowWeights[row];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double ColumnWeight(nint column) => ColumnWeights == null ? 1 : ColumnWeights[column];

    /// <summary>A column's weight in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd ColumnWeightLanes<TSimd>(nint column)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Create(ColumnWeights == null ? 1f : ColumnWeights[column]);

    /// <summary>The weights of neighbouring columns, one per lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd ColumnWeightsFrom<TSimd>(nint column, int count)
        where TSimd : unmanaged, ISimd<TSimd> => ColumnWeights == null ? TSimd.Create(1f) : TSimd.Load(ColumnWeights + column, count);

    /// <summary>Σ of the weights of all columns.</summary>
    public double SumOfColumnWeights(int columns) => ColumnWeights == null ? columns : DoubleSums.Sum(ColumnWeights, columns);

    /// <summary>Takes the loss of one row: writes it or adds it to the chunk's sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Record(nint row, double loss, ref double chunkSum)
    {
        if (_losses != null)
            _losses[row] = (float)loss;
        else
            chunkSum += loss;
    }

    /// <summary>Takes the sum of a chunk.</summary>
    public void EndChunk(int chunk, double chunkSum) => _chunkSums[chunk] = chunkSum;

    /// <summary>Adds the chunks' sums, in their order, and writes the reduced loss.</summary>
    public static void Finish(in LossArguments arguments, double* chunkSums, int chunks)
    {
        if (arguments.Reduction == Reduction.None)
            return;
        double sum = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
            sum += chunkSums[chunk];
        *CpuDevice.PointerOrNull(arguments.Loss) = (float)(arguments.Reduction == Reduction.Mean ? sum / arguments.Divisor : sum);
    }
}
