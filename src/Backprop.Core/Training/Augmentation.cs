using Backprop.Devices;
using Backprop.Training;

namespace Backprop;

/// <summary>
/// A random change of training images that leaves what they show: the network sees each of them in many forms and learns
/// what they have in common. Only rows that are learned from are changed; those of validation and prediction are not.
/// </summary>
/// <remarks>
/// The changes are drawn anew for every row of every epoch and depend on nothing but the seed of the training, the epoch, the
/// place of the row in it and the place of the augmentation in the list: the same at any batch size and number of threads.
/// What an augmentation has to fill is filled with 0. Behind a trainer's standardisation that is the mean of the channel.
/// </remarks>
public abstract class Augmentation
{
    private protected Augmentation()
    {
    }

    /// <summary>Mirrors half of the images, left and right exchanged. Not for images whose sides mean something, such as letters.</summary>
    public static Augmentation RandomFlip { get; } = new RandomFlip();

    /// <summary>
    /// Erases a rectangle of half of the images: 2 to 40 % of the image, with sides of 0.3 to 1/0.3, at any place. Zhong et al. 2017,
    /// arXiv:1708.04896, with its values, but filled with 0. It teaches not to rely on one part.
    /// </summary>
    public static Augmentation RandomErase { get; } = RandomErasing();

    /// <summary>
    /// Shifts each image by a whole number of pixels from −padding to padding, downwards and to the right, all equally likely:
    /// the image with a border of this width, cut to its size at a random place. He et al. 2016, arXiv:1512.03385, section 4.2.
    /// </summary>
    /// <param name="padding">The width of the border in pixels, at least 1 and less than the height and width of the images.</param>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public static Augmentation RandomCrop(int padding) => padding >= 1
        ? new RandomCrop(padding)
        : throw new ArgumentOutOfRangeException(nameof(padding), padding, $"The padding of a random crop is {padding}; expected at least 1 pixel.");

    /// <summary>The same as <see cref="RandomErase"/> with values of its own.</summary>
    /// <param name="probability">How likely it is that an image is changed, from 0 to 1. Default 0.5.</param>
    /// <param name="minimumArea">The smallest part of the image that is erased, above 0. Default 0.02.</param>
    /// <param name="maximumArea">The largest part, from the smallest to 1. Default 0.4.</param>
    /// <param name="minimumAspect">The smallest ratio of the rectangle's height to its width, above 0 and at most 1; the largest is one over it. Default 0.3.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static Augmentation RandomErasing(float probability = 0.5f, float minimumArea = 0.02f, float maximumArea = 0.4f, float minimumAspect = 0.3f)
    {
        Check(probability, nameof(probability), probability is >= 0 and <= 1, "from 0 to 1");
        Check(minimumArea, nameof(minimumArea), minimumArea is > 0 and <= 1, "above 0 and at most 1");
        Check(maximumArea, nameof(maximumArea), maximumArea >= minimumArea && maximumArea <= 1, "from the minimum area to 1");
        Check(minimumAspect, nameof(minimumAspect), minimumAspect is > 0 and <= 1, "above 0 and at most 1");
        return new RandomErasing(probability, minimumArea, maximumArea, minimumAspect);
    }

    /// <summary>What it does, for people.</summary>
    public abstract override string ToString();

    /// <summary>Says why images of this form cannot be changed so; null if they can.</summary>
    internal virtual string? Objection(in ImageForm form) => null;

    /// <summary>Changes one image in place. All numbers it draws are of this key.</summary>
    internal abstract void Apply(Span<float> image, in ImageForm form, in RandomKey key);

    private static void Check(float value, string name, bool isAllowed, string allowed)
    {
        if (!isAllowed)
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"The {name} of random erasing is {value}; expected a number {allowed}."));
    }
}
