using Backprop.Devices;

namespace Backprop.Training;

/// <summary>Changes the images of mini-batches in place, before they go to the device.</summary>
internal sealed class BatchAugmenter
{
    /// <summary>The random stream of the first augmentation; each has its own. Layers use the small numbers.</summary>
    private const uint FirstStream = 0xA0630000;

    private readonly Augmentation[] _augmentations;
    private readonly ImageForm _form;
    private readonly int _seed;

    private BatchAugmenter(Augmentation[] augmentations, ImageForm form, int seed) => (_augmentations, _form, _seed) = (augmentations, form, seed);

    /// <summary>Makes one for the images that a network takes; null where there is nothing to do.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The network takes no images, or none that an augmentation can change.</exception>
    public static BatchAugmenter? Create(IReadOnlyList<Augmentation> augmentations, Network network, int seed)
    {
        if (augmentations.Count == 0)
            return null;
        string list = $"[{string.Join(", ", augmentations)}]";
        if (ImageForm.Of(network) is not { } form)
            throw new ArgumentOutOfRangeException(nameof(TrainingOptions.Augmentation),
                $"The option Augmentation is {list}, which changes images, but the network takes rows of shape {network.InputShape}. Begin it with Image(channels, height, width), or leave the option empty.");
        foreach (Augmentation augmentation in augmentations)
            if (augmentation.Objection(form) is { } objection)
                throw new ArgumentOutOfRangeException(nameof(TrainingOptions.Augmentation), $"The option Augmentation is {list}: {augmentation} does not fit the network's images: {objection}.");
        return new BatchAugmenter([.. augmentations], form, seed);
    }

    /// <summary>Changes the images of a mini-batch.</summary>
    /// <param name="images">Whole images, one after the other.</param>
    /// <param name="epoch">The number of the epoch.</param>
    /// <param name="firstRow">The number of rows of the epoch before these.</param>
    public void Apply(Span<float> images, int epoch, long firstRow)
    {
        int length = _form.Planes * _form.PlaneLength;
        for (int start = 0; start < images.Length; start += length, firstRow++)
        {
            Span<float> image = images.Slice(start, length);
            for (int i = 0; i < _augmentations.Length; i++)
                _augmentations[i].Apply(image, _form, new RandomKey((ulong)(uint)_seed, FirstStream + (uint)i, ((ulong)(uint)epoch << 40) + (ulong)firstRow));
        }
    }
}
