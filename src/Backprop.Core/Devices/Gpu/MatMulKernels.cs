using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>The product without barriers, and the sum of a product whose depth was divided.</summary>
internal static class MatMulKernels
{
    // Sums of sums: the rounding error grows with the square root of the block and of the number of blocks, not of K.
    private const int Block = 64;

    /// <summary>One element of C per thread.</summary>
    [GpuKernel]
    public static void Multiply(MatMulShape shape, ArrayView<float> a, ArrayView<float> b, ArrayView<float> bias, ArrayView<float> c)
    {
        int length = shape.M * shape.N;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int row = i / shape.N, column = i - row * shape.N;
            int atA = row * shape.RowStrideA, atB = column * shape.ColumnStrideB;
            float sum = 0f;
            for (int start = 0; start < shape.K; start += Block)
            {
                float part = 0f;
                int end = start + Block < shape.K ? start + Block : shape.K;
                for (int k = start; k < end; k++)
                    part += a[atA + k * shape.DepthStrideA] * b[atB + k * shape.DepthStrideB];
                sum += part;
            }

            shape.Finish(c, i, sum, bias, column);
        }
    }

    /// <summary>Adds the layers of a divided product in their order.</summary>
    [GpuKernel]
    public static void AddLayers(MatMulShape shape, int layers, ArrayView<float> sums, ArrayView<float> bias, ArrayView<float> c)
    {
        int length = shape.M * shape.N;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float sum = sums[i];
            for (int layer = 1; layer < layers; layer++)
                sum += sums[layer * length + i];
            shape.Finish(c, i, sum, bias, i % shape.N);
        }
    }
}
