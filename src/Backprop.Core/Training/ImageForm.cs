using Backprop.Layers;

namespace Backprop.Training;

/// <summary>
/// How an image stands in a row of training data, in one form for both layouts: planes, one after the other, each of Height
/// lines of Width pixels of Values numbers. Planar images have a plane a channel, interleaved ones a single plane.
/// </summary>
internal readonly record struct ImageForm(int Planes, int Height, int Width, int Values)
{
    /// <summary>Numbers per line of a plane.</summary>
    public int LineLength => Width * Values;

    /// <summary>Numbers per plane.</summary>
    public int PlaneLength => Height * LineLength;

    /// <summary>The form of the images that a network takes; null if its rows are no images.</summary>
    public static ImageForm? Of(Network network)
    {
        bool isTold = !network.Layers.IsEmpty && network.Layers[0] is ImageLayer;
        Shape image = isTold ? network.Layers[0].OutputShape : network.InputShape;
        if (image.Rank != 3)
            return null;
        bool isPlanar = isTold && ((ImageLayer)network.Layers[0]).Layout == ImageLayout.Planar;
        return isPlanar ? new ImageForm(image[2], image[0], image[1], 1) : new ImageForm(1, image[0], image[1], image[2]);
    }
}
