using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>The embedding kernels of the GPU against the judge.</summary>
public class GpuEmbeddingTests
{
    [Fact]
    public void Embed() => GpuHarness.CheckAll(EmbeddingCases.Forward().Concat(Further(forward: true)));

    [Fact]
    public void EmbedBackwardTables() => GpuHarness.CheckAll(EmbeddingCases.BackwardTables().Concat(Further(forward: false)));

    [Fact]
    public void EmbedBackwardInput() => GpuHarness.CheckAll(EmbeddingCases.BackwardInput());

    [Fact]
    public void TheDescriptionOfALayoutIsKeptOnTheDevice()
    {
        Device device = GpuHarness.Simulated;
        lock (device)
        {
            EmbeddingLayout layout = EmbeddingCases.Mixed(2, (1, 4, 5));
            MemoryBlock x = device.Rent(6, ElementType.Float32), tables = device.Rent(layout.TableLength, ElementType.Float32), y = device.Rent(3 * layout.OutputWidth, ElementType.Float32);
            device.Upload([1f, 2f, 3f, 0f, 5f, 3f], x);
            device.Upload(Samples.Uniform(layout.TableLength, 1), tables);
            device.Embed(layout, 3, x, tables, y);
            long rented = device.Memory.BytesInUse;
            for (int i = 0; i < 5; i++)
                device.Embed(layout, 3, x, tables, y);
            Assert.Equal(rented, device.Memory.BytesInUse);
            foreach (MemoryBlock block in (MemoryBlock[])[x, tables, y])
                device.Return(block);
        }
    }

    // Small enough for a simulated device, with tables on both sides of where the way of summing changes, one of them with a fixed row.
    private static IEnumerable<KernelCase> Further(bool forward)
    {
        foreach (int rows in (int[])[1, 12, 90])
        {
            var layout = new EmbeddingLayout(4,
            [
                new EmbeddingField(0, 0, 3) { TableRows = 40, FixedRow = 7 }, new EmbeddingField(1, 3, 1), new EmbeddingField(2, 4, 2) { TableRows = 3, TableStart = 120, FixedRow = 1 },
                new EmbeddingField(3, 6, 5) { TableRows = 6, TableStart = 126 },
            ]);
            float[] x = [.. Samples.Labels(4 * rows, 9, 3).Select(key => key == 8 ? float.NaN : key == 7 ? 1e12f : key == 6 ? 7f : key - 0.5f)];
            if (forward)
            {
                yield return new KernelCase(
                    $"{rows} rows", [KernelBlock.Source(x), KernelBlock.Source(Samples.Uniform(layout.TableLength, 2)), KernelBlock.Destination(rows * layout.OutputWidth)],
                    (d, m) => d.Embed(layout, rows, m[0], m[1], m[2]));
                continue;
            }

            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{rows} rows, accumulate {accumulate}",
                    [KernelBlock.Source(x), KernelBlock.Source(Samples.Uniform(rows * layout.OutputWidth, 2)), KernelBlock.Result(layout.TableLength, accumulate, 3)],
                    (d, m) => d.EmbedBackwardTables(layout, rows, m[0], m[1], m[2], accumulate));
        }
    }
}
