namespace Backprop.Benchmarks.Figures;

/// <summary>
/// The convolutional networks of the figures: their names, sizes and operations, for the engine and the peers alike.
/// </summary>
/// <param name="Name">The beginning of the figures' names.</param>
/// <param name="Batch">The images of a mini-batch.</param>
/// <param name="Channels">The channels of an image.</param>
/// <param name="Size">Its height and width.</param>
/// <param name="Batches">How many mini-batches are used in turn.</param>
/// <param name="Operations">Additions and multiplications of the convolutions and dense layers in a training step.</param>
internal sealed record ConvolutionalNetwork(string Name, int Batch, int Channels, int Size, int Batches, double Operations)
{
    /// <summary>The classes that each tells apart.</summary>
    public const int Classes = 10;

    /// <summary>For handwritten digits: 3x3 convolutions to 32 and 64 channels with a max-pooling each, 3136-128-10.</summary>
    public static ConvolutionalNetwork LeNet28 { get; } = new("cnn.lenet28.b64", 64, 1, 28, 4, Step(
        Convolution(64, 1, 32, 28), Convolution(64, 32, 64, 14), Dense(64, 3136, 128), Dense(64, 128, Classes)))
    {
        Hidden = 128,
    };

    /// <summary>The same for photographs: 200704-512-10.</summary>
    public static ConvolutionalNetwork Cnn224 { get; } = new("cnn.cnn224.b32", 32, 3, 224, 1, Step(
        Convolution(32, 3, 32, 224), Convolution(32, 32, 64, 112), Dense(32, 64 * 56 * 56, 512), Dense(32, 512, Classes)))
    {
        Hidden = 512,
    };

    /// <summary>A residual network of 14 layers for small images: three stages of two blocks, 16, 32 and 64 channels.</summary>
    public static ConvolutionalNetwork ResNet14 { get; } = new("cnn.resnet14_32.b128", 128, 3, 32, 2, Step(
        Convolution(128, 3, 16, 32),
        4 * Convolution(128, 16, 16, 32),
        Convolution(128, 16, 32, 16), 3 * Convolution(128, 32, 32, 16), Convolution(128, 16, 32, 16, kernel: 1),
        Convolution(128, 32, 64, 8), 3 * Convolution(128, 64, 64, 8), Convolution(128, 32, 64, 8, kernel: 1),
        Dense(128, 64, Classes)));

    /// <summary>The width of the dense layer before the last one, which residual networks do not have.</summary>
    public int? Hidden { get; init; }

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ConvolutionalNetwork> All { get; } = [LeNet28, Cnn224, ResNet14];

    // The first layer needs no gradient of its input; every other one is done forward and twice backward.
    private static double Step(double first, params double[] others) => 2 * first + 3 * others.Sum();

    private static double Convolution(int batch, int channels, int filters, int outputSize, int kernel = 3) =>
        2.0 * batch * filters * outputSize * outputSize * channels * kernel * kernel;

    private static double Dense(int batch, int inputs, int outputs) => 2.0 * batch * inputs * outputs;
}
