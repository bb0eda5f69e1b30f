using Backprop.Layers;

namespace Backprop;

/// <summary>
/// Takes the standardisation of training data into a trained network, so that it accepts and returns raw values and
/// prediction costs nothing more.
/// </summary>
internal static class NetworkScaling
{
    // Folding computes x·w' − mean·w' in place of (x − mean)·w': with a mean this many deviations from 0 the two parts
    // are so much larger than their difference that float32 would lose the digits that matter.
    private const double LargestFoldedOffset = 256;

    /// <summary>
    /// The network f becomes x ↦ f((x − mean)·scale). Folded into the first layer where that is a dense one with a bias
    /// and exact enough; otherwise a layer in front does it. A convolution cannot take a mean in: the zeros of its padding
    /// stand for the mean, so they would have to become it. Where categories are embedded first, all this holds for what
    /// comes behind, and the categories themselves have the mean 0 and the scale 1.
    /// </summary>
    /// <param name="network">The network of standardised values.</param>
    /// <param name="mean">One for each value of a row, or one for each channel of the images that the network begins with.</param>
    /// <param name="scale">As many.</param>
    public static Network WithInputScaling(this Network network, ReadOnlySpan<double> mean, ReadOnlySpan<double> scale)
    {
        bool isImage = !network.Layers.IsEmpty && network.Layers[0] is ImageLayer;
        Shape scaledShape = isImage ? network.Layers[0].OutputShape : network.InputShape;
        bool perChannel = mean.Length != scaledShape.Length;
        if (mean.Length != scale.Length || perChannel && (scaledShape.Rank < 2 || mean.Length != scaledShape[scaledShape.Rank - 1]))
            throw new ShapeException($"There are {mean.Length} means and {scale.Length} scales for rows of shape {scaledShape}; expected one for each element or for each channel.");
        EmbedColumns? embedding = EmbeddingOf(network);
        if (embedding is not null)
        {
            mean = embedding.Spread(mean, 0);
            scale = embedding.Spread(scale, 1);
        }

        double largest = 0;
        for (int i = 0; i < mean.Length; i++)
            largest = Math.Max(largest, Math.Abs(mean[i] * scale[i]));
        if (!perChannel && largest <= LargestFoldedOffset && ScaledLayer(network) is { } first)
        {
            float[] weight = first.Weight.Value.ToArray(), bias = first.Bias!.Value.ToArray();
            int units = bias.Length;
            for (int unit = 0; unit < units; unit++)
            {
                double shift = bias[unit];
                for (int i = 0; i < mean.Length; i++)
                {
                    double folded = weight[i * units + unit] * scale[i];
                    weight[i * units + unit] = (float)folded;
                    shift -= mean[i] * (float)folded;
                }

                bias[unit] = (float)shift;
            }

            first.Weight.Value.SetValues(weight);
            first.Bias.Value.SetValues(bias);
            return network;
        }

        // Channels are the last axis only behind the layer that makes images of rows.
        int place = perChannel && isImage || embedding is not null ? 1 : 0;
        LayerDefinition[] layers = [.. network.Definition.Layers];
        var definition = new NetworkDefinition([.. layers[..place], new RescaleDefinition(perChannel), .. layers[place..]]);
        var scaled = new Network(definition, network.InputShape, network.Seed, network.Device);
        var rescale = (RescaleLayer)scaled.Layers[place];
        var offsets = new float[mean.Length];
        var factors = new float[mean.Length];
        for (int i = 0; i < mean.Length; i++)
            (offsets[i], factors[i]) = ((float)-mean[i], (float)scale[i]);
        rescale.Offset.Value.SetValues(offsets);
        rescale.Scale.Value.SetValues(factors);
        Parameter[] others = [.. scaled.Parameters.Where(parameter => !rescale.Parameters.Contains(parameter))];
        for (int i = 0; i < others.Length; i++)
            others[i].Value.SetValues(network.Parameters[i].Value.ToArray());
        return scaled;
    }

    /// <summary>Whether a network begins with a layer that can take a scaling in and give it back.</summary>
    public static bool TakesInputScaling(this Network network) => ScaledLayer(network) is not null;

    /// <summary>The layer that embeds categories, if the network begins with one.</summary>
    private static EmbedColumns? EmbeddingOf(Network network) => network.Layers.IsEmpty ? null : network.Layers[0] as EmbedColumns;

    /// <summary>The dense layer that meets the numbers of a row first, if there is one and it has a bias.</summary>
    private static Dense? ScaledLayer(Network network)
    {
        int place = EmbeddingOf(network) is null ? 0 : 1;
        return network.InputShape.Rank == 1 && network.Layers.Length > place && network.Layers[place] is Dense { Bias: not null } dense ? dense : null;
    }

    /// <summary>Whether the outputs of a network can be scaled.</summary>
    public static bool TakesOutputScaling(this Network network) =>
        !network.Layers.IsEmpty && network.Layers[^1] is Dense { Bias: not null, Activation.Kind: ActivationKind.Identity };

    /// <summary>
    /// The reverse of <see cref="WithInputScaling"/>, in place: the network f of raw values becomes one of standardised values
    /// with the same results, z ↦ f(z/scale + mean). A scale of 0, of a constant value, counts as 1.
    /// </summary>
    public static void TakeInputScalingOut(this Network network, ReadOnlySpan<double> mean, ReadOnlySpan<double> scale)
    {
        Dense first = ScaledLayer(network)!;
        if (EmbeddingOf(network) is { } embedding)
        {
            mean = embedding.Spread(mean, 0);
            scale = embedding.Spread(scale, 1);
        }

        float[] weight = first.Weight.Value.ToArray(), bias = first.Bias!.Value.ToArray();
        int units = bias.Length;
        for (int unit = 0; unit < units; unit++)
        {
            double shift = bias[unit];
            for (int i = 0; i < mean.Length; i++)
            {
                ref float w = ref weight[i * units + unit];
                shift += mean[i] * w;
                w = (float)(w / (scale[i] == 0 ? 1 : scale[i]));
            }

            bias[unit] = (float)shift;
        }

        first.Weight.Value.SetValues(weight);
        first.Bias.Value.SetValues(bias);
    }

    /// <summary>Multiplies the outputs of a network that ends in a dense layer and adds to them, one factor and offset per output.</summary>
    public static void ScaleOutputs(this Network network, ReadOnlySpan<double> factor, ReadOnlySpan<double> offset)
    {
        if (network.Layers.IsEmpty || network.Layers[^1] is not Dense { Bias: not null, Activation.Kind: ActivationKind.Identity } last)
            throw new InvalidOperationException("Only a network that ends in a dense layer with a bias and without activation can have its outputs scaled.");
        float[] weight = last.Weight.Value.ToArray(), bias = last.Bias.Value.ToArray();
        for (int i = 0; i < weight.Length; i++)
            weight[i] = (float)(weight[i] * factor[i % bias.Length]);
        for (int i = 0; i < bias.Length; i++)
            bias[i] = (float)(bias[i] * factor[i] + offset[i]);
        last.Weight.Value.SetValues(weight);
        last.Bias.Value.SetValues(bias);
    }
}
