namespace Backprop.Layers;

/// <summary>
/// Planar pixels taken as images and rescaled in one pass, for prediction: what standardises the images of a trained network
/// costs nothing beside the change of their order.
/// </summary>
internal sealed class RescaledImage : Layer
{
    private readonly RescaleLayer _rescale;

    private RescaledImage(ImageLayer image, RescaleLayer rescale) : base(image.Name, image.InputShape, image.OutputShape) => _rescale = rescale;

    public override string Description => "Image, rescaled";

    /// <summary>The layers with each pair that can be one replaced by it.</summary>
    public static Layer[] Fold(IReadOnlyList<Layer> layers)
    {
        var folded = new List<Layer>();
        for (int i = 0; i < layers.Count; i++)
        {
            if (layers[i] is ImageLayer { IsPermuted: true } image && i + 1 < layers.Count && layers[i + 1] is RescaleLayer { IsPerChannel: true } rescale)
            {
                folded.Add(new RescaledImage(image, rescale));
                i++;
            }
            else
            {
                folded.Add(layers[i]);
            }
        }

        return [.. folded];
    }

    public override Tensor Forward(Tensor x, in ForwardContext context) =>
        Operations.Rescale.Apply(x, OutputShape.Batch(x.Shape[0]), _rescale.Offset.Value, _rescale.Scale.Value, isPlanar: true);
}
