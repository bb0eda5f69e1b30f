using Backprop.Devices;

namespace Backprop.Training;

/// <summary>Sets a random rectangle to 0.</summary>
internal sealed class RandomErasing(float probability, float minimumArea, float maximumArea, float minimumAspect) : Augmentation
{
    // A rectangle that sticks out is drawn again, as in the paper; images that are narrow enough may fit none.
    private const int Attempts = 10;

    public override string ToString() => FormattableString.Invariant($"RandomErasing({probability}, {minimumArea}, {maximumArea}, {minimumAspect})");

    internal override void Apply(Span<float> image, in ImageForm form, in RandomKey key)
    {
        if (Philox.ToUniform(Philox.Word(key, 0)) >= probability)
            return;
        for (uint attempt = 1; attempt <= Attempts; attempt++)
        {
            (uint areaWord, uint aspectWord, uint topWord, uint leftWord) = Philox.Block(key, attempt);
            double area = form.Height * form.Width * (minimumArea + (maximumArea - minimumArea) * (double)Philox.ToUniform(areaWord));
            double aspect = minimumAspect + (1d / minimumAspect - minimumAspect) * Philox.ToUniform(aspectWord);
            int height = (int)Math.Round(Math.Sqrt(area * aspect)), width = (int)Math.Round(Math.Sqrt(area / aspect));
            if (height < 1 || width < 1 || height > form.Height || width > form.Width)
                continue;
            int top = (int)((ulong)topWord * (ulong)(form.Height - height + 1) >> 32), left = (int)((ulong)leftWord * (ulong)(form.Width - width + 1) >> 32);
            for (int start = 0; start < image.Length; start += form.PlaneLength)
                for (int line = top; line < top + height; line++)
                    image.Slice(start + line * form.LineLength + left * form.Values, width * form.Values).Clear();
            return;
        }
    }
}
