using Backprop.Devices;

namespace Backprop.Training;

/// <summary>Exchanges left and right.</summary>
internal sealed class RandomFlip : Augmentation
{
    public override string ToString() => "RandomFlip";

    internal override void Apply(Span<float> image, in ImageForm form, in RandomKey key)
    {
        if (Philox.Word(key, 0) >> 31 == 0)
            return;
        int length = form.LineLength;
        for (int start = 0; start < image.Length; start += length)
        {
            Span<float> line = image.Slice(start, length);
            line.Reverse();
            if (form.Values == 1)
                continue;
            for (int pixel = 0; pixel < length; pixel += form.Values)
                line.Slice(pixel, form.Values).Reverse(); // the channels of a pixel stay in order
        }
    }
}
