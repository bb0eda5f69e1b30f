using Backprop.Layers;

namespace Backprop
{
    /// <summary>In which order the values of an image stand in a row.</summary>
    public enum ImageLayout
    {
        /// <summary>One channel after the other, [channels, height, width]: what ML.NET's <c>ExtractPixels</c> gives by default, and PyTorch takes.</summary>
        Planar,

        /// <summary>One pixel after the other, [height, width, channels]: <c>ExtractPixels(interleavePixelColors: true)</c>, and the order inside.</summary>
        Interleaved,
    }

    /// <summary>
    /// Takes each row as an image and gives [height, width, channels], the order in which images are computed with. The row
    /// may be flat, or have three axes in the order of the layout. Planar images of several channels cost a copy, all
    /// others nothing.
    /// </summary>
    /// <param name="Channels">Values per pixel: 1 for grey, 3 for colours.</param>
    /// <param name="Height">Pixels downwards.</param>
    /// <param name="Width">Pixels to the right.</param>
    /// <param name="Layout">The order of the values in a row. Default: planar.</param>
    public sealed record ImageDefinition(int Channels, int Height, int Width, ImageLayout Layout = ImageLayout.Planar) : LayerDefinition
    {
        internal override string KindName => "image";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (Channels < 1 || Height < 1 || Width < 1)
                throw new ShapeException($"Layer '{name}': an image has at least 1 channel, row and column; found {Channels} channels of {Height}×{Width}.");
            if (!Enum.IsDefined(Layout))
                throw new ArgumentOutOfRangeException(nameof(Layout), Layout, $"Layer '{name}': {Layout} is no layout of an image; expected {ImageLayout.Planar} or {ImageLayout.Interleaved}.");
            Shape planar = [Channels, Height, Width], interleaved = [Height, Width, Channels], flat = [planar.Length];
            bool isPlanar = Layout == ImageLayout.Planar;
            if (inputShape != flat && inputShape != (isPlanar ? planar : interleaved))
                throw new ShapeException(
                    $"Layer '{name}': {Channels} channels of {Height}×{Width} are rows of shape {flat} or {(isPlanar ? planar : interleaved)}; found {inputShape}." +
                    (inputShape == (isPlanar ? interleaved : planar) ? $" That is the layout {(isPlanar ? ImageLayout.Interleaved : ImageLayout.Planar)}." : ""));
            return new ImageLayer(name, inputShape, interleaved, isPermuted: isPlanar && Channels > 1 && Height * Width > 1);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class ImageLayer(string name, Shape inputShape, Shape outputShape, bool isPermuted) : Layer(name, inputShape, outputShape)
    {
        public override string Description => "Image";

        public override long KeptValuesPerRow => isPermuted ? OutputShape.Length : 0; // else a view

        public override Tensor Forward(Tensor x, in ForwardContext context)
        {
            int rows = x.Shape[0];
            return isPermuted
                ? Operations.Permute.Apply(x, [rows, OutputShape[2], OutputShape[0], OutputShape[1]], [0, 2, 3, 1])
                : x.Reshape(OutputShape.Batch(rows));
        }
    }
}
