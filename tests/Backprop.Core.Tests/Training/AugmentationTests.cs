using Backprop.Training;

namespace Backprop.Tests;

/// <summary>Random changes of training images.</summary>
public class AugmentationTests
{
    private const int Height = 7, Width = 6, Channels = 3, Images = 400;

    [Fact]
    public void AFlippedImageIsMirroredOrAsItWas()
    {
        float[] before = Interleaved(), after = Applied(before, ImageLayout.Interleaved, Augmentation.RandomFlip);
        int flipped = 0;
        for (int n = 0; n < Images; n++)
        {
            bool isFlipped = after[Index(n, 0, 0, 0)] != before[Index(n, 0, 0, 0)];
            flipped += isFlipped ? 1 : 0;
            ForEach((y, x, c) => Assert.Equal(before[Index(n, y, isFlipped ? Width - 1 - x : x, c)], after[Index(n, y, x, c)]));
        }

        Assert.InRange(flipped, 160, 240);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void ACroppedImageIsShiftedWithZerosBehind(int padding)
    {
        float[] before = Interleaved(), after = Applied(before, ImageLayout.Interleaved, Augmentation.RandomCrop(padding));
        var shifts = new Dictionary<(int, int), int>();
        for (int n = 0; n < Images; n++)
        {
            (int Down, int Right) found = (from down in Enumerable.Range(-padding, 2 * padding + 1)
                                           from right in Enumerable.Range(-padding, 2 * padding + 1)
                                           where IsShift(before, after, n, down, right)
                                           select (down, right)).Single();
            shifts[found] = shifts.GetValueOrDefault(found) + 1;
        }

        int possible = (2 * padding + 1) * (2 * padding + 1);
        Assert.InRange(shifts.Count, (int)(0.9 * possible), possible);
        Assert.InRange(shifts.Values.Max(), 1, 6 * Images / possible + 8);
    }

    [Fact]
    public void AnErasedImageHasARectangleOfZeros()
    {
        float[] before = Interleaved(), after = Applied(before, ImageLayout.Interleaved, Augmentation.RandomErasing(0.7f, 0.1f, 0.5f, 0.5f));
        int erased = 0;
        for (int n = 0; n < Images; n++)
        {
            List<(int Y, int X)> zeros = [];
            ForEach((y, x, c) =>
            {
                if (after[Index(n, y, x, c)] == 0)
                    zeros.Add((y, x));
                else
                    Assert.Equal(before[Index(n, y, x, c)], after[Index(n, y, x, c)]);
            });
            if (zeros.Count == 0)
                continue;
            erased++;
            int height = zeros.Max(zero => zero.Y) - zeros.Min(zero => zero.Y) + 1, width = zeros.Max(zero => zero.X) - zeros.Min(zero => zero.X) + 1;
            Assert.Equal(height * width * Channels, zeros.Count); // nothing but the rectangle, and in all channels
            Assert.InRange(height * width, 0.1 * Height * Width - 3, 0.5 * Height * Width + 4); // sides are rounded
        }

        Assert.InRange(erased, 240, 320);
        Assert.Equal(before, Applied(before, ImageLayout.Interleaved, Augmentation.RandomErasing(probability: 0)));
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("crop")]
    [InlineData("erase")]
    public void BothLayoutsAreChangedAlike(string name)
    {
        Augmentation augmentation = name switch { "flip" => Augmentation.RandomFlip, "crop" => Augmentation.RandomCrop(3), _ => Augmentation.RandomErase };
        float[] images = Interleaved();
        Assert.Equal(ToPlanar(Applied(images, ImageLayout.Interleaved, augmentation)), Applied(ToPlanar(images), ImageLayout.Planar, augmentation));
    }

    [Fact]
    public void SeedEpochAndRowAloneDecide()
    {
        Augmentation[] all = [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase];
        float[] Run(int seed, int epoch, int batch)
        {
            BatchAugmenter augmenter = BatchAugmenter.Create(all, NetworkOf(ImageLayout.Planar), seed)!;
            float[] images = ToPlanar(Interleaved());
            int length = Height * Width * Channels;
            for (int row = 0; row < Images; row += batch)
                augmenter.Apply(images.AsSpan(row * length, Math.Min(batch, Images - row) * length), epoch, row);
            return images;
        }

        float[] expected = Run(seed: 1, epoch: 0, batch: Images);
        Assert.Equal(expected, Run(1, 0, Images));
        Assert.Equal(expected, Run(1, 0, 7));
        Assert.NotEqual(expected, Run(2, 0, Images));
        Assert.NotEqual(expected, Run(1, 1, Images));
    }

    [Fact]
    public void OnlyRowsThatAreLearnedFromAreChanged()
    {
        // Steps too small to change a weight: what differs is what the network saw.
        EpochResult Run(params Augmentation[] augmentation)
        {
            float[] images = ToPlanar(Interleaved());
            var options = new TrainingOptions { NumberOfEpochs = 1, Optimizer = new Sgd { LearningRate = 1e-30f }, Augmentation = augmentation };
            EpochResult result = new TrainingLoop(NetworkOf(ImageLayout.Planar), Loss.CrossEntropy, options).Run(Source(images), Source(images)).Epochs[0];
            Assert.Equal(ToPlanar(Interleaved()), images); // nor are the caller's own values
            return result;
        }

        EpochResult plain = Run(), augmented = Run(Augmentation.RandomCrop(3));
        Assert.NotEqual(plain.TrainingLoss, augmented.TrainingLoss);
        Assert.Equal(plain.ValidationLoss, augmented.ValidationLoss);
    }

    [Fact]
    public void TheNumberOfThreadsChangesNoBit()
    {
        float[] Train(int threads)
        {
            Network network = NetworkOf(ImageLayout.Planar, Device.CpuWithThreads(threads));
            var options = new TrainingOptions { NumberOfEpochs = 2, Seed = 5, Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase] };
            new TrainingLoop(network, Loss.CrossEntropy, options).Run(Source(ToPlanar(Interleaved())));
            return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }

        float[] expected = Train(1);
        Assert.Equal(expected, Train(2));
        Assert.Equal(expected, Train(8));
    }

    [Fact]
    public void NothingIsAllocated()
    {
        BatchAugmenter augmenter = BatchAugmenter.Create(
            [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase], NetworkOf(ImageLayout.Interleaved), 1)!;
        float[] images = Interleaved();
        long allocated = long.MaxValue;
        for (int attempt = 0; attempt < 500 && allocated > 0; attempt++) // the JIT's own allocations come first
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            augmenter.Apply(images, attempt, 0);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void ANetworkThatBeginsWithThreeAxesTakesInterleavedImages()
    {
        Network network = Network.Build(net => net.Conv2d(2, 3), [Height, Width, Channels]);
        float[] images = Interleaved();
        BatchAugmenter.Create([Augmentation.RandomFlip], network, 1)!.Apply(images, epoch: 3, firstRow: 0);
        Assert.Equal(Applied(Interleaved(), ImageLayout.Interleaved, Augmentation.RandomFlip), images);
    }

    [Fact]
    public void BadInputIsRefused()
    {
        static TrainingLoop Loop(Network network, params Augmentation[] augmentation) => new(network, Loss.CrossEntropy, new TrainingOptions { Augmentation = augmentation });
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => Loop(Network.Build(net => net.Dense(2), [784]), Augmentation.RandomFlip)).Message;
        Assert.Contains("Augmentation is [RandomFlip], which changes images, but the network takes rows of shape [784]. Begin it with Image(channels, height, width)", message);
        message = Assert.Throws<ArgumentOutOfRangeException>(() => Loop(NetworkOf(ImageLayout.Planar), Augmentation.RandomFlip, Augmentation.RandomCrop(6))).Message;
        Assert.Contains("RandomCrop(6) does not fit the network's images: a padding of 6 can shift images of 7×6 out of sight", message);
        Assert.Contains("padding of a random crop is 0; expected at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => Augmentation.RandomCrop(0)).Message);
        Assert.Throws<ArgumentException>(() => new TrainingOptions { Augmentation = [null!] });
        Assert.Throws<ArgumentException>(() => new TrainingOptions { Augmentation = null! });
        foreach (Action erasing in (Action[])[
            () => Augmentation.RandomErasing(probability: 1.1f), () => Augmentation.RandomErasing(probability: float.NaN), () => Augmentation.RandomErasing(minimumArea: 0),
            () => Augmentation.RandomErasing(maximumArea: 0.01f), () => Augmentation.RandomErasing(maximumArea: 1.5f), () => Augmentation.RandomErasing(minimumAspect: 0)])
            Assert.Contains("of random erasing is", Assert.Throws<ArgumentOutOfRangeException>(erasing).Message);
    }

    private static int Index(int n, int y, int x, int c) => ((n * Height + y) * Width + x) * Channels + c;

    private static float[] Interleaved() => Samples.Uniform(Images * Height * Width * Channels, 1, 1, 2);

    private static float[] ToPlanar(float[] images)
    {
        var planar = new float[images.Length];
        for (int n = 0; n < Images; n++)
            ForEach((y, x, c) => planar[((n * Channels + c) * Height + y) * Width + x] = images[Index(n, y, x, c)]);
        return planar;
    }

    private static void ForEach(Action<int, int, int> action)
    {
        for (int y = 0; y < Height; y++)
            for (int x = 0; x < Width; x++)
                for (int c = 0; c < Channels; c++)
                    action(y, x, c);
    }

    private static bool IsShift(float[] before, float[] after, int n, int down, int right)
    {
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                bool isInside = y - down is >= 0 and < Height && x - right is >= 0 and < Width;
                for (int c = 0; c < Channels; c++)
                    if (after[Index(n, y, x, c)] != (isInside ? before[Index(n, y - down, x - right, c)] : 0))
                        return false;
            }
        }

        return true;
    }

    private static float[] Applied(float[] images, ImageLayout layout, Augmentation augmentation)
    {
        float[] result = [.. images];
        BatchAugmenter.Create([augmentation], NetworkOf(layout), seed: 1)!.Apply(result, epoch: 3, firstRow: 0);
        return result;
    }

    private static Network NetworkOf(ImageLayout layout, Device? device = null) => Network.Build(
        net => net.Image(Channels, Height, Width, layout).Conv2d(4, 3).Relu().Flatten().Dense(2), [Height * Width * Channels], seed: 1, device);

    private static MemoryBatchSource Source(float[] images) =>
        new(images, [Height * Width * Channels], Enumerable.Range(0, Images).Select(n => n % 2f).ToArray());
}
