namespace Backprop;

/// <summary>
/// The words in which a network is described, layer after layer: <c>net => net.Dense(128).Relu().Dropout(0.2f)</c>. Each
/// word returns a new builder, so a common beginning can be continued in several ways.
/// </summary>
public sealed partial class NetworkBuilder
{
    private readonly LayerDefinition[] _layers;

    /// <summary>An empty network: its output is its input.</summary>
    public NetworkBuilder() => _layers = [];

    private NetworkBuilder(LayerDefinition[] layers) => _layers = layers;

    /// <summary>Appends a layer given as data.</summary>
    public NetworkBuilder Add(LayerDefinition layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return new NetworkBuilder([.. _layers, layer]);
    }

    /// <summary>Appends a fully connected layer; see <see cref="DenseDefinition"/>.</summary>
    /// <param name="units">The number of outputs, at least 1.</param>
    /// <param name="useBias">Whether a bias is added. Default: yes.</param>
    /// <param name="initializer">How the weights are drawn; by the activation that follows when null.</param>
    /// <param name="name">A name of its own; <c>dense_1</c>, <c>dense_2</c>, ... when null.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is not at least one unit.</exception>
    public NetworkBuilder Dense(int units, bool useBias = true, Initializer? initializer = null, string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(units, 1);
        return Add(new DenseDefinition(units, useBias, initializer) { Name = name });
    }

    /// <summary>Takes each row as an image; see <see cref="ImageDefinition"/>. Convolutions and pooling want their rows so.</summary>
    /// <param name="channels">Values per pixel: 1 for grey, 3 for colours.</param>
    /// <param name="height">Pixels downwards.</param>
    /// <param name="width">Pixels to the right.</param>
    /// <param name="layout">The order of the values in a row. Default: planar, as ML.NET's <c>ExtractPixels</c> gives them by default.</param>
    public NetworkBuilder Image(int channels, int height, int width, ImageLayout layout = ImageLayout.Planar) => Add(new ImageDefinition(channels, height, width, layout));

    /// <summary>Appends a convolution of images [H, W, C]; see <see cref="Conv2dDefinition"/>.</summary>
    /// <param name="filters">The number of output channels, at least 1.</param>
    /// <param name="kernelSize">The kernel's size in pixels, <c>3</c> or <c>(3, 5)</c>.</param>
    /// <param name="stride">The distance of neighbouring placements of the kernel; 1 when null.</param>
    /// <param name="padding">The zeros put around the image on every side. Default 0; <see cref="Padding.Same"/>, or (kernel − 1)/2 of an odd kernel, keeps the size at stride 1.</param>
    /// <param name="dilation">The distance of neighbouring cells of the kernel; 1 when null.</param>
    /// <param name="groups">The number of equal parts of the channels that know nothing of each other. Default 1.</param>
    /// <param name="useBias">Whether a bias is added. Default: yes; a batch normalisation that follows makes it useless.</param>
    /// <param name="initializer">How the weights are drawn; by the activation that follows when null.</param>
    /// <param name="name">A name of its own; <c>conv2d_1</c>, <c>conv2d_2</c>, ... when null.</param>
    public NetworkBuilder Conv2d(
        int filters, Size2d kernelSize, Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int groups = 1, bool useBias = true,
        Initializer? initializer = null, string? name = null) =>
        Add(new Conv2dDefinition(filters, kernelSize, stride, padding, dilation, groups, useBias, initializer) { Name = name });

    /// <summary>Appends a convolution in which each channel has kernels of its own; see <see cref="DepthwiseConv2dDefinition"/>.</summary>
    /// <param name="kernelSize">The kernel's size in pixels, <c>3</c> or <c>(3, 5)</c>.</param>
    /// <param name="stride">The distance of neighbouring placements of the kernel; 1 when null.</param>
    /// <param name="padding">The zeros put around the image on every side, or <see cref="Padding.Same"/>. Default 0.</param>
    /// <param name="dilation">The distance of neighbouring cells of the kernel; 1 when null.</param>
    /// <param name="multiplier">The kernels of each channel. Default 1.</param>
    /// <param name="useBias">Whether a bias is added. Default: yes.</param>
    /// <param name="initializer">How the weights are drawn; by the activation that follows when null.</param>
    /// <param name="name">A name of its own; <c>depthwise_conv2d_1</c>, <c>depthwise_conv2d_2</c>, ... when null.</param>
    public NetworkBuilder DepthwiseConv2d(
        Size2d kernelSize, Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int multiplier = 1, bool useBias = true,
        Initializer? initializer = null, string? name = null) =>
        Add(new DepthwiseConv2dDefinition(kernelSize, stride, padding, dilation, multiplier, useBias, initializer) { Name = name });

    /// <summary>Appends a convolution of signals [L, C]; see <see cref="Conv1dDefinition"/>.</summary>
    /// <param name="filters">The number of output channels, at least 1.</param>
    /// <param name="kernelSize">The steps that a kernel looks at.</param>
    /// <param name="stride">The distance of neighbouring placements of the kernel. Default 1.</param>
    /// <param name="padding">The zeros put before and behind the signal, or <see cref="Padding.Same"/>. Default 0.</param>
    /// <param name="dilation">The distance of neighbouring cells of the kernel. Default 1.</param>
    /// <param name="groups">The number of equal parts of the channels that know nothing of each other. Default 1.</param>
    /// <param name="useBias">Whether a bias is added. Default: yes.</param>
    /// <param name="initializer">How the weights are drawn; by the activation that follows when null.</param>
    /// <param name="name">A name of its own; <c>conv1d_1</c>, <c>conv1d_2</c>, ... when null.</param>
    public NetworkBuilder Conv1d(
        int filters, int kernelSize, int stride = 1, Padding padding = default, int dilation = 1, int groups = 1, bool useBias = true,
        Initializer? initializer = null, string? name = null) =>
        Add(new Conv1dDefinition(filters, kernelSize, stride, padding, dilation, groups, useBias, initializer) { Name = name });

    /// <summary>Appends max(x, 0).</summary>
    public NetworkBuilder Relu() => Activation(ActivationKind.Relu);

    /// <summary>Appends leaky ReLU.</summary>
    public NetworkBuilder LeakyRelu(float slope = 0.01f) => Activation(ActivationKind.LeakyRelu, slope);

    /// <summary>Appends ELU.</summary>
    public NetworkBuilder Elu(float alpha = 1f) => Activation(ActivationKind.Elu, alpha);

    /// <summary>Appends SELU.</summary>
    public NetworkBuilder Selu() => Activation(ActivationKind.Selu);

    /// <summary>Appends GELU, exact or by the tanh approximation.</summary>
    public NetworkBuilder Gelu(bool approximate = false) => Activation(approximate ? ActivationKind.GeluTanh : ActivationKind.Gelu);

    /// <summary>Appends SiLU (swish).</summary>
    public NetworkBuilder Silu() => Activation(ActivationKind.Silu);

    /// <summary>Appends the logistic function.</summary>
    public NetworkBuilder Sigmoid() => Activation(ActivationKind.Sigmoid);

    /// <summary>Appends the hyperbolic tangent.</summary>
    public NetworkBuilder Tanh() => Activation(ActivationKind.Tanh);

    /// <summary>Appends softplus.</summary>
    public NetworkBuilder Softplus() => Activation(ActivationKind.Softplus);

    /// <summary>Appends hard swish.</summary>
    public NetworkBuilder HardSwish() => Activation(ActivationKind.HardSwish);

    /// <summary>Appends Mish.</summary>
    public NetworkBuilder Mish() => Activation(ActivationKind.Mish);

    /// <summary>Appends an activation function by kind.</summary>
    /// <param name="kind">Which one.</param>
    /// <param name="parameter">The slope of leaky ReLU (0.01 when null) or the α of ELU (1 when null).</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such function, or the parameter is no finite number.</exception>
    public NetworkBuilder Activation(ActivationKind kind, float? parameter = null)
    {
        var definition = new ActivationDefinition(kind, parameter);
        _ = definition.Function; // fails here rather than when the network is built
        return Add(definition);
    }

    /// <summary>Appends softmax over the last axis.</summary>
    public NetworkBuilder Softmax() => Add(new SoftmaxDefinition());

    /// <summary>Appends dropout: in training each element becomes 0 with the given probability.</summary>
    /// <param name="rate">The probability, in [0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside [0, 1).</exception>
    public NetworkBuilder Dropout(float rate)
    {
        if (!(rate >= 0f && rate < 1f))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The dropout rate is a probability in [0, 1).");
        return Add(new DropoutDefinition(rate));
    }

    /// <summary>
    /// Appends a reshape of each row to one axis. An image becomes its pixels, one after the other with all their channels:
    /// the weights of a layer behind it that come from a framework with channels first have their inputs in another order.
    /// </summary>
    public NetworkBuilder Flatten() => Add(new ReshapeDefinition());

    /// <summary>Appends a reshape of each row.</summary>
    /// <param name="rowShape">The new shape of a row, with as many elements.</param>
    public NetworkBuilder Reshape(Shape rowShape) => Add(new ReshapeDefinition(rowShape.ToArray()));

    /// <summary>The network as data.</summary>
    public NetworkDefinition ToDefinition() => new(_layers);
}
