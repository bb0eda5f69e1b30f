using Backprop;
using SkiaSharp;

namespace Samples.Shared;

/// <summary>
/// What the first layer of a network looks for, as pictures: the weights of each of its units or filters, laid out as the pixels that
/// they are multiplied with.
/// </summary>
internal static class Filters
{
    private static readonly SKColor Negative = new(0x1F, 0x4E, 0x9E);
    private static readonly SKColor Positive = new(0xB3, 0x1B, 0x1B);

    /// <summary>The pictures of all filters of the network's first layer that has weights.</summary>
    /// <param name="network">Begins with images; the weights of a convolution are [height, width, channels, filters], of a dense layer [inputs, units].</param>
    /// <param name="height">The height of the images, for a dense layer.</param>
    /// <param name="width">Their width.</param>
    public static SKImage[] Of(Network network, int height, int width)
    {
        Parameter weight = network.Parameters.First(parameter => parameter.Kind == ParameterKind.Weight);
        bool isConvolution = weight.Shape.Rank == 4;
        (int h, int w) = isConvolution ? (weight.Shape[0], weight.Shape[1]) : (height, width);
        int filters = weight.Shape[weight.Shape.Rank - 1], channels = weight.Shape.Length / (filters * h * w);
        float[] values = weight.Value.ToArray();
        return [.. Enumerable.Range(0, filters).Select(filter => ToImage([.. Enumerable.Range(0, h * w * channels).Select(i => values[i * filters + filter])], h, w, channels))];
    }

    /// <summary>
    /// Three channels are drawn as colours around grey; one as white for 0, blue for what should be dark and red for what should be bright.
    /// Each filter is drawn at full contrast.
    /// </summary>
    private static SKImage ToImage(float[] values, int height, int width, int channels)
    {
        float largest = Math.Max(values.Max(MathF.Abs), 1e-9f);
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int i = 0; i < height * width; i++)
        {
            ReadOnlySpan<float> pixel = values.AsSpan(i * channels, channels);
            bitmap.SetPixel(i % width, i / width, channels == 3
                ? new SKColor(Channel(pixel[0]), Channel(pixel[1]), Channel(pixel[2]))
                : Mix(pixel[0] / largest));
        }
        return SKImage.FromBitmap(bitmap);

        byte Channel(float value) => (byte)MathF.Round(127.5f * (1 + value / largest));
    }

    private static SKColor Mix(float value)
    {
        (SKColor end, float share) = (value < 0 ? Negative : Positive, MathF.Abs(value));
        return new SKColor(Part(end.Red), Part(end.Green), Part(end.Blue));

        byte Part(byte part) => (byte)MathF.Round(255 + (part - 255) * share);
    }
}
