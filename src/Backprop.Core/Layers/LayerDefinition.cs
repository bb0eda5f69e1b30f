using System.Text.Json.Serialization;
using Backprop.Layers;

namespace Backprop;

/// <summary>
/// A layer as data: what a model file holds. The list of kinds is closed, so that reading a model creates nothing but
/// these.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(DenseDefinition), "dense")]
[JsonDerivedType(typeof(ActivationDefinition), "activation")]
[JsonDerivedType(typeof(SoftmaxDefinition), "softmax")]
[JsonDerivedType(typeof(DropoutDefinition), "dropout")]
[JsonDerivedType(typeof(ReshapeDefinition), "reshape")]
[JsonDerivedType(typeof(ImageDefinition), "image")]
[JsonDerivedType(typeof(Conv2dDefinition), "conv2d")]
[JsonDerivedType(typeof(DepthwiseConv2dDefinition), "depthwiseConv2d")]
[JsonDerivedType(typeof(Conv1dDefinition), "conv1d")]
[JsonDerivedType(typeof(RescaleDefinition), "rescale")]
[JsonDerivedType(typeof(MaxPool2dDefinition), "maxPool2d")]
[JsonDerivedType(typeof(MaxPool1dDefinition), "maxPool1d")]
[JsonDerivedType(typeof(AdaptiveMaxPool2dDefinition), "adaptiveMaxPool2d")]
[JsonDerivedType(typeof(AveragePool2dDefinition), "averagePool2d")]
[JsonDerivedType(typeof(AveragePool1dDefinition), "averagePool1d")]
[JsonDerivedType(typeof(AdaptiveAveragePool2dDefinition), "adaptiveAveragePool2d")]
[JsonDerivedType(typeof(GlobalAveragePool2dDefinition), "globalAveragePool2d")]
[JsonDerivedType(typeof(Pad2dDefinition), "pad2d")]
[JsonDerivedType(typeof(Upsample2dDefinition), "upsample2d")]
[JsonDerivedType(typeof(Dropout2dDefinition), "dropout2d")]
[JsonDerivedType(typeof(BatchNormDefinition), "batchNorm")]
[JsonDerivedType(typeof(LayerNormDefinition), "layerNorm")]
[JsonDerivedType(typeof(GroupNormDefinition), "groupNorm")]
[JsonDerivedType(typeof(ResidualDefinition), "residual")]
[JsonDerivedType(typeof(EmbeddingDefinition), "embedding")]
[JsonDerivedType(typeof(EmbedColumnsDefinition), "embedColumns")]
public abstract record LayerDefinition
{
    private protected LayerDefinition()
    {
    }

    /// <summary>The layer's name, unique in its network; given by its kind and number when null.</summary>
    public string? Name { get; init; }

    /// <summary>The word that default names begin with.</summary>
    internal abstract string KindName { get; }

    /// <summary>Whether it leaves the initial weights of the layer before it to the activation behind it.</summary>
    internal virtual bool IsNormalization => false;

    /// <summary>Whether each output is the largest of some inputs, at least one: a ReLU before it may as well come behind it.</summary>
    internal virtual bool TakesMaximum => false;

    /// <summary>Whether it takes images, rows [height, width, channels], and nothing else.</summary>
    internal virtual bool TakesImages => false;

    /// <summary>Whether values of its rows are numbers of tokens or categories, which no layer may have changed.</summary>
    internal virtual bool TakesKeys => false;

    /// <summary>The layers that this one is made of, if it is a block.</summary>
    internal virtual IReadOnlyList<LayerDefinition> Inner => [];

    /// <summary>Infers the shapes and makes the layer.</summary>
    /// <exception cref="ShapeException">The layer cannot take rows of this shape.</exception>
    internal abstract Layer Build(string name, Shape inputShape, in LayerContext context);
}
