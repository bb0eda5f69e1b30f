using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void MatMul(in MatMulArguments arguments)
    {
        (MemoryBlock aBlock, MemoryBlock bBlock, MemoryBlock cBlock, int m, int n, int k) = arguments;
        double[] a = Values(aBlock), b = Values(bBlock), c = Values(cBlock);
        double[]? bias = ValuesOrNull(arguments.Bias);
        for (int row = 0; row < m; row++)
            for (int column = 0; column < n; column++)
            {
                double sum = 0;
                for (int i = 0; i < k; i++)
                    sum += a[arguments.TransposeA ? i * m + row : row * k + i] * b[arguments.TransposeB ? column * k + i : i * n + column];
                if (arguments.Accumulate)
                    c[row * n + column] += sum;
                else
                    c[row * n + column] = ActivationFormulas.Value(arguments.Activation, sum + (bias?[column] ?? 0));
            }
    }
}
