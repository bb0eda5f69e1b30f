using Backprop.Devices;

namespace Backprop.Training;

/// <summary>Shifts an image by at most <paramref name="padding"/> pixels each way; what comes in from outside is 0.</summary>
internal sealed class RandomCrop(int padding) : Augmentation
{
    public override string ToString() => $"RandomCrop({padding})";

    internal override string? Objection(in ImageForm form) => padding < form.Height && padding < form.Width
        ? null
        : $"a padding of {padding} can shift images of {form.Height}×{form.Width} out of sight; it must be less than both sides";

    internal override void Apply(Span<float> image, in ImageForm form, in RandomKey key)
    {
        int down = Draw(Philox.Word(key, 0)), right = Draw(Philox.Word(key, 1));
        for (int start = 0; start < image.Length; start += form.PlaneLength)
            Shift(image.Slice(start, form.PlaneLength), form.LineLength, form.Height, down, right * form.Values);
    }

    /// <summary>32 random bits scaled to [−padding, padding].</summary>
    private int Draw(uint word) => (int)((ulong)word * (2 * (ulong)padding + 1) >> 32) - padding;

    // In place: lines are moved in the order in which none is overwritten before it has been moved.
    private static void Shift(Span<float> plane, int length, int height, int down, int right)
    {
        int kept = length - Math.Abs(right), from = Math.Max(-right, 0), to = Math.Max(right, 0);
        for (int i = 0; i < height; i++)
        {
            int line = down > 0 ? height - 1 - i : i, source = line - down;
            Span<float> destination = plane.Slice(line * length, length);
            if (source < 0 || source >= height)
            {
                destination.Clear();
                continue;
            }

            plane.Slice(source * length + from, kept).CopyTo(destination[to..]);
            destination[..to].Clear();
            destination[(to + kept)..].Clear();
        }
    }
}
