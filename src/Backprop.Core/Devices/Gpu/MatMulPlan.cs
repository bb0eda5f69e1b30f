namespace Backprop.Devices.Gpu;

/// <summary>The kernels of a matrix product.</summary>
internal enum MatMulForm
{
    /// <summary>One element per thread, no barriers.</summary>
    Plain,

    /// <summary>One to four rows.</summary>
    FewRows,

    /// <summary>Tiles of 64 × 64.</summary>
    SmallTiles,

    /// <summary>Tiles of 128 × 128.</summary>
    LargeTiles,

    /// <summary>Tiles of 128 × 128 of factors in 16 bits.</summary>
    TensorCores,
}

/// <summary>
/// Which kernel computes a product, and in how many layers its depth is divided. It depends on the sizes and the device
/// alone, so that the same product gives the same bits. None of the thresholds has been measured.
/// </summary>
/// <param name="Form">The kernel.</param>
/// <param name="Layers">How many partial sums of every element there are.</param>
/// <param name="DepthOfLayer">The depth of a layer; a multiple of <see cref="DepthUnit"/> where there are several.</param>
internal readonly record struct MatMulPlan(MatMulForm Form, int Layers, int DepthOfLayer)
{
    /// <summary>Depths of layers are multiples of it.</summary>
    public const int DepthUnit = 32;

    // Below it a launch takes longer than the work, whatever the kernel.
    private const long SmallestTuned = 4096;

    // Below it the large tiles of the tensor cores would be mostly empty, or their passes many.
    private const long SmallestOnTensorCores = 1 << 20;

    // What a layer must sum for its part of the second kernel to be worth it.
    private const int LeastDepthOfLayer = 128;

    // Two groups on every multiprocessor: one computes while the other waits for memory.
    private const int GroupsPerMultiprocessor = 2;

    private const int MostLayers = 128;

    // Second direction of a grid.
    private const int MostGroupsAside = 65535;

    // 64 MB of partial sums.
    private const long MostSums = 1 << 24;

    public static MatMulPlan For(in MatMulArguments arguments, int multiprocessors, bool hasTensorCores)
    {
        (int m, int n, int k) = (arguments.M, arguments.N, arguments.K);
        if ((long)m * n * k < SmallestTuned)
            return new MatMulPlan(MatMulForm.Plain, 1, Math.Max(k, 1));
        if (m <= MatMulFewRowsKernel.Rows && !arguments.TransposeB)
            return Divided(MatMulForm.FewRows, arguments, DivideUp(n, MatMulFewRowsKernel.Columns), multiprocessors);
        if (hasTensorCores && TensorCorePasses.For(arguments) is { Count: > 0 } passes && (long)m * n * k / passes.Count >= SmallestOnTensorCores
            && Tiles(MatMulForm.TensorCores, m, n).Columns <= MostGroupsAside)
            return Divided(MatMulForm.TensorCores, arguments, Groups(MatMulForm.TensorCores, m, n), multiprocessors);
        long large = Groups(MatMulForm.LargeTiles, m, n);
        bool isLargeEnough = m > MatMulTileKernels.SmallTile && n > MatMulTileKernels.SmallTile && large * Math.Max(k / (2 * LeastDepthOfLayer), 1) >= multiprocessors;
        MatMulForm form = isLargeEnough || Tiles(MatMulForm.SmallTiles, m, n).Columns > MostGroupsAside ? MatMulForm.LargeTiles : MatMulForm.SmallTiles;
        if (Tiles(form, m, n).Columns > MostGroupsAside)
            return new MatMulPlan(MatMulForm.Plain, 1, Math.Max(k, 1));
        return Divided(form, arguments, Groups(form, m, n), multiprocessors);
    }

    /// <summary>A product in the given number of layers, or fewer if it is not so deep.</summary>
    public static MatMulPlan InLayers(MatMulForm form, int k, int layers)
    {
        int depth = Math.Max(DivideUp(DivideUp(k, layers), DepthUnit) * DepthUnit, DepthUnit);
        return new MatMulPlan(form, Math.Max(DivideUp(k, depth), 1), depth);
    }

    /// <summary>Tiles of C along its rows and columns.</summary>
    public static (int Rows, int Columns) Tiles(MatMulForm form, int m, int n) => form switch
    {
        MatMulForm.FewRows => (DivideUp(n, MatMulFewRowsKernel.Columns), 1),
        MatMulForm.SmallTiles => (DivideUp(m, MatMulTileKernels.SmallTile), DivideUp(n, MatMulTileKernels.SmallTile)),
        _ => (DivideUp(m, MatMulTileKernels.LargeTile), DivideUp(n, MatMulTileKernels.LargeTile)),
    };

    private static long Groups(MatMulForm form, int m, int n)
    {
        (int rows, int columns) = Tiles(form, m, n);
        return (long)rows * columns;
    }

    private static MatMulPlan Divided(MatMulForm form, in MatMulArguments arguments, long groups, int multiprocessors)
    {
        long wanted = GroupsPerMultiprocessor * (long)multiprocessors / groups;
        long layers = Math.Min(Math.Min(wanted, arguments.K / LeastDepthOfLayer), Math.Min(MostLayers, MostSums / ((long)arguments.M * arguments.N)));
        return InLayers(form, arguments.K, (int)Math.Max(layers, 1));
    }

    private static int DivideUp(int a, int b) => (int)(((long)a + b - 1) / b);
}
