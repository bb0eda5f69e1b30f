using Microsoft.ML.Data;

namespace Backprop.ML.Data;

/// <summary>What the dimensions of a feature column say of the images in it, and whether these are the images of a network.</summary>
/// <remarks>
/// ExtractPixels gives [channels, height, width], or [height, width, channels] where the colours are interleaved. Of three
/// dimensions the smaller one of the first and the last counts the channels, the first if they are equal; two are those of a
/// grey image. Where that is wrong, the Image word says what is right.
/// </remarks>
internal static class ImageColumn
{
    /// <summary>
    /// The layers with the Image word in front, where they begin with one that takes images; otherwise as they are.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The column has no dimensions to infer the word from, or others than the word that is there.</exception>
    public static NetworkDefinition WithImage(NetworkDefinition layers, string name, VectorDataViewType type)
    {
        if (layers.Layers.Count > 0 && layers.Layers[0] is ImageDefinition image)
        {
            Check(image, name, type);
            return layers;
        }
        if (!NetworkDefinition.BeginWithImages(layers.Layers))
            return layers;
        return Infer(type) is { } inferred
            ? new NetworkDefinition([inferred, .. layers.Layers])
            : throw Mismatch(name, $"the network begins with a layer that takes images, but '{type}' does not say their channels, height and width. " +
                "Put .Image(channels, height, width) in front of the network's layers, or give the column dimensions, as ExtractPixels does.");
    }

    /// <summary>What may be said of a column that is to be scored by a network that takes images; null if nothing is wrong.</summary>
    public static string? Objection(ImageDefinition image, VectorDataViewType type)
    {
        long size = (long)image.Channels * image.Height * image.Width;
        if (type.Size != size)
            return $"the network takes {image.Channels} channels of {image.Height}×{image.Width}, which are {size} values, but the column has {type.Size}, '{type}'";
        if (type.Dimensions is [int rows, int columns])
        {
            return image.Channels > 1 || (rows, columns) == (image.Height, image.Width) || rows == 1 || columns == 1
                ? null
                : $"the network takes grey images of {image.Height}×{image.Width}, but the column is '{type}'";
        }
        if (type.Dimensions.Length != 3)
            return null;
        bool isPlanar = image.Layout == ImageLayout.Planar;
        int[] planar = [image.Channels, image.Height, image.Width], interleaved = [image.Height, image.Width, image.Channels];
        return type.Dimensions.SequenceEqual(isPlanar ? planar : interleaved) || (image.Channels == 1 && type.Dimensions.SequenceEqual(isPlanar ? interleaved : planar))
            ? null
            : $"the network takes {image.Channels} channels of {image.Height}×{image.Width}, {(isPlanar ? "planar" : "interleaved")}, so the dimensions " +
              $"[{string.Join(", ", isPlanar ? planar : interleaved)}], but the column is '{type}'" +
              (type.Dimensions.SequenceEqual(isPlanar ? interleaved : planar) ? $". That is ImageLayout.{(isPlanar ? ImageLayout.Interleaved : ImageLayout.Planar)}" : "");
    }

    private static void Check(ImageDefinition image, string name, VectorDataViewType type)
    {
        if (Objection(image, type) is { } objection)
            throw Mismatch(name, $"{objection}. Change the network's Image word, or resize the images to what it says (ResizeImages).");
    }

    private static ImageDefinition? Infer(VectorDataViewType type)
    {
        ReadOnlySpan<int> dimensions = type.Dimensions.AsSpan();
        return dimensions.Length switch
        {
            2 => new ImageDefinition(1, dimensions[0], dimensions[1]),
            3 when dimensions[0] <= dimensions[2] => new ImageDefinition(dimensions[0], dimensions[1], dimensions[2]),
            3 => new ImageDefinition(dimensions[2], dimensions[0], dimensions[1], ImageLayout.Interleaved),
            _ => null,
        };
    }

    private static ArgumentOutOfRangeException Mismatch(string name, string reason) =>
        new("inputSchema", $"Schema mismatch for feature column '{name}': {reason}");
}
