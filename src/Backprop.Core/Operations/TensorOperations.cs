using Backprop.Operations;

namespace Backprop;

/// <summary>
/// The differentiable operations, as methods of <see cref="Tensor"/>. Each one's forward and backward rule stand in a
/// file of the operation's name.
/// </summary>
public static partial class TensorOperations
{
    /// <summary>The matrix product a·b. Gradients: gradA = g·bᵀ, gradB = aᵀ·g.</summary>
    /// <param name="a">Shape [..., K].</param>
    /// <param name="b">Shape [K, N].</param>
    /// <returns>Shape [..., N].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor MatMul(this Tensor a, Tensor b) => Operations.MatMul.Apply(a, b);

    /// <summary>The fully connected map x·weight + bias.</summary>
    /// <param name="x">Shape [..., K].</param>
    /// <param name="weight">Shape [K, N]: one column per output unit.</param>
    /// <param name="bias">Shape [N]; none when omitted.</param>
    /// <returns>Shape [..., N].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor Linear(this Tensor x, Tensor weight, Tensor bias = default) =>
        Operations.Linear.Apply(x, weight, bias, Devices.Activation.Identity);

    /// <summary>
    /// The convolution (cross-correlation) of images with kernels, channels last. Each axis of the output has
    /// ⌊(size + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1 pixels, or ⌈size/stride⌉ with <see cref="Padding.Same"/>. gradInput is the transposed convolution of g with
    /// the weight, gradWeight the correlation of x with g. Dumoulin and Visin 2016, arXiv:1603.07285.
    /// </summary>
    /// <param name="x">Shape [N, H, W, C].</param>
    /// <param name="weight">Shape [kernel height, kernel width, C/groups, O]: one kernel per output channel.</param>
    /// <param name="bias">Shape [O]; none when omitted.</param>
    /// <param name="stride">The distance of neighbouring placements of the kernel, in pixels. Default 1.</param>
    /// <param name="padding">The zeros put around each image, in pixels, or <see cref="Padding.Same"/>. Default 0.</param>
    /// <param name="dilation">The distance of neighbouring cells of the kernel, in pixels. Default 1.</param>
    /// <param name="groups">The number of equal parts of the channels that know nothing of each other; C for a depthwise convolution. Default 1.</param>
    /// <returns>Shape [N, output height, output width, O].</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or the kernel does not fit into the padded image; the message says what would.</exception>
    public static Tensor Conv2d(
        this Tensor x, Tensor weight, Tensor bias = default, Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int groups = 1) =>
        x.Shape.Rank == 4
            ? Convolution.Apply(x, weight, bias, new ConvolutionOptions(stride ?? 1, padding, dilation ?? 1, groups), Devices.Activation.Identity)
            : throw new ShapeException($"Conv2d: the input has shape {x.Shape}; expected images [N, H, W, C].");

    /// <summary>The convolution (cross-correlation) of signals with kernels, channels last; see <see cref="Conv2d"/>.</summary>
    /// <param name="x">Shape [N, L, C].</param>
    /// <param name="weight">Shape [kernel length, C/groups, O].</param>
    /// <param name="bias">Shape [O]; none when omitted.</param>
    /// <param name="stride">The distance of neighbouring placements of the kernel. Default 1.</param>
    /// <param name="padding">The zeros put before and behind each signal, or <see cref="Padding.Same"/>. Default 0.</param>
    /// <param name="dilation">The distance of neighbouring cells of the kernel. Default 1.</param>
    /// <param name="groups">The number of equal parts of the channels that know nothing of each other. Default 1.</param>
    /// <returns>Shape [N, output length, O].</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or the kernel does not fit into the padded signal; the message says what would.</exception>
    public static Tensor Conv1d(
        this Tensor x, Tensor weight, Tensor bias = default, int stride = 1, Padding padding = default, int dilation = 1, int groups = 1) =>
        x.Shape.Rank == 3
            ? Convolution.Apply(x, weight, bias, new ConvolutionOptions((1, stride), padding.OfSignal("Conv1d"), (1, dilation), groups), Devices.Activation.Identity)
            : throw new ShapeException($"Conv1d: the input has shape {x.Shape}; expected signals [N, L, C].");

    /// <summary>The axes in another order, with a copy: <c>x.Permute(0, 2, 3, 1)</c> makes [N, H, W, C] of [N, C, H, W].</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="axes">Which axis of x becomes the first of the result, which the second, and so on. A negative axis counts from the back.</param>
    /// <exception cref="ShapeException">That is not each axis of x once.</exception>
    public static Tensor Permute(this Tensor x, params ReadOnlySpan<int> axes) => Operations.Permute.Apply(x, x.Shape, axes);

    /// <summary>a + b, element by element; an axis of length 1 or a missing front axis is repeated.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor Add(this Tensor a, Tensor b) => Operations.Add.Apply(a, b);

    /// <summary>a · b, element by element; an axis of length 1 or a missing front axis is repeated.</summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Tensor Multiply(this Tensor a, Tensor b) => Operations.Multiply.Apply(a, b);

    /// <summary>factor · x.</summary>
    public static Tensor Multiply(this Tensor x, float factor) => Scale.Apply(x, factor);

    /// <summary>The sum of all elements, a scalar.</summary>
    public static Tensor Sum(this Tensor x) => Operations.Sum.Apply(x, null, mean: false);

    /// <summary>The sum along one axis, which disappears. A negative axis counts from the back.</summary>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor Sum(this Tensor x, int axis) => Operations.Sum.Apply(x, axis, mean: false);

    /// <summary>The mean of all elements, a scalar; NaN for none.</summary>
    public static Tensor Mean(this Tensor x) => Operations.Sum.Apply(x, null, mean: true);

    /// <summary>The mean along one axis, which disappears. A negative axis counts from the back.</summary>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor Mean(this Tensor x, int axis) => Operations.Sum.Apply(x, axis, mean: true);

    /// <summary>The same values under another shape, without a copy.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="shape">As many elements as x has.</param>
    /// <exception cref="ShapeException">The number of elements differs.</exception>
    public static Tensor Reshape(this Tensor x, Shape shape) => Operations.Reshape.Apply(x, shape);

    /// <summary>eˣᵢ / Σ eˣⱼ along an axis, computed without overflow. gradInput = y ⊙ (g − Σ g⊙y).</summary>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor Softmax(this Tensor x, int axis = -1) => Operations.Softmax.Apply(x, axis);

    /// <summary>The logarithm of <see cref="Softmax"/>, computed stably. gradInput = g − softmax(x)·Σ g.</summary>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor LogSoftmax(this Tensor x, int axis = -1) => Operations.LogSoftmax.Apply(x, axis);

    /// <summary>
    /// Batch normalisation: γ·(x − μ)/√(σ² + ε) + β per channel, the last axis, over all other axes. In training μ and the
    /// biased σ² are those of x, and the running statistics move: running ← (1 − momentum)·running + momentum·batch, with
    /// the unbiased variance; otherwise the running statistics are used. Ioffe and Szegedy 2015, arXiv:1502.03167.
    /// </summary>
    /// <param name="x">Shape [N, ..., C].</param>
    /// <param name="runningMean">Shape [C]; changed in place in training. May be omitted in training.</param>
    /// <param name="runningVariance">Shape [C]; likewise.</param>
    /// <param name="gamma">γ, shape [C]; 1 when omitted.</param>
    /// <param name="beta">β, shape [C]; 0 when omitted. Given together with γ.</param>
    /// <param name="training">Whether to use the statistics of x. Default: no.</param>
    /// <param name="momentum">The share of the batch in the new running statistics. Default 0.1.</param>
    /// <param name="epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <exception cref="ShapeException">The shapes do not fit, or in training a channel has a single value.</exception>
    public static Tensor BatchNorm(
        this Tensor x, Tensor runningMean, Tensor runningVariance, Tensor gamma = default, Tensor beta = default, bool training = false,
        float momentum = 0.1f, float epsilon = 1e-5f) => training
        ? Operations.BatchNorm.ApplyToBatch(x, gamma, beta, runningMean, runningVariance, momentum, epsilon)
        : Operations.BatchNorm.Apply(x, gamma, beta, runningMean, runningVariance, epsilon);

    /// <summary>Layer normalisation: γ·(x − μ)/√(σ² + ε) + β with the mean and biased variance over the last axes. Ba et al. 2016, arXiv:1607.06450.</summary>
    /// <param name="x">Any tensor with at least as many axes.</param>
    /// <param name="gamma">γ, in the shape of the normalised axes; 1 when omitted.</param>
    /// <param name="beta">β, likewise; 0 when omitted. Given together with γ.</param>
    /// <param name="axes">How many axes, counted from the last, are normalised together. Default 1.</param>
    /// <param name="epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor LayerNorm(this Tensor x, Tensor gamma = default, Tensor beta = default, int axes = 1, float epsilon = 1e-5f) =>
        Operations.LayerNorm.Apply(x, axes, gamma, beta, epsilon);

    /// <summary>
    /// Group normalisation: γ·(x − μ)/√(σ² + ε) + β with the mean and biased variance of a group of neighbouring channels of
    /// one example, over all positions. Wu and He 2018, arXiv:1803.08494.
    /// </summary>
    /// <param name="x">Shape [N, ..., C].</param>
    /// <param name="groups">The number of groups; divides C.</param>
    /// <param name="gamma">γ, shape [C]; 1 when omitted.</param>
    /// <param name="beta">β, shape [C]; 0 when omitted. Given together with γ.</param>
    /// <param name="epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <exception cref="ShapeException">The shapes do not fit, or the groups do not divide the channels.</exception>
    public static Tensor GroupNorm(this Tensor x, int groups, Tensor gamma = default, Tensor beta = default, float epsilon = 1e-5f) =>
        Operations.GroupNorm.Apply(x, groups, gamma, beta, epsilon);

    /// <summary>
    /// Inverted dropout: each element becomes 0 with probability <paramref name="rate"/>, else x/(1 − rate). The mask
    /// depends on the seed, stream, step and element index alone. Srivastava et al. 2014, JMLR 15.
    /// </summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="rate">The probability of dropping, in [0, 1).</param>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="stream">A number of its own for each place that drops.</param>
    /// <param name="step">The number of the training step.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside [0, 1).</exception>
    public static Tensor Dropout(this Tensor x, float rate, int seed, int stream = 0, long step = 0) =>
        Operations.Dropout.Apply(x, rate, new Devices.RandomKey((ulong)(uint)seed, (uint)stream, (ulong)step));

    /// <summary>max(x, 0). Derivative 0 at 0.</summary>
    public static Tensor Relu(this Tensor x) => Operations.Relu.Instance.Apply(x);

    /// <summary>x for x > 0, else slope·x. Maas et al. 2013.</summary>
    public static Tensor LeakyRelu(this Tensor x, float slope = 0.01f) => Operations.LeakyRelu.Instance.Apply(x, slope);

    /// <summary>x for x > 0, else α(eˣ − 1). Clevert et al. 2016, arXiv:1511.07289.</summary>
    public static Tensor Elu(this Tensor x, float alpha = 1f) => Operations.Elu.Instance.Apply(x, alpha);

    /// <summary>λx for x > 0, else λα(eˣ − 1), with α ≈ 1.6733 and λ ≈ 1.0507. Klambauer et al. 2017, arXiv:1706.02515.</summary>
    public static Tensor Selu(this Tensor x) => Operations.Selu.Instance.Apply(x);

    /// <summary>xΦ(x), with the exact normal distribution function or the tanh approximation. Hendrycks and Gimpel 2016, arXiv:1606.08415.</summary>
    public static Tensor Gelu(this Tensor x, bool approximate = false) =>
        approximate ? Operations.GeluTanh.Instance.Apply(x) : Operations.Gelu.Instance.Apply(x);

    /// <summary>xσ(x), also called swish. Elfwing et al. 2018, arXiv:1702.03118.</summary>
    public static Tensor Silu(this Tensor x) => Operations.Silu.Instance.Apply(x);

    /// <summary>1/(1 + e⁻ˣ).</summary>
    public static Tensor Sigmoid(this Tensor x) => Operations.Sigmoid.Instance.Apply(x);

    /// <summary>The hyperbolic tangent.</summary>
    public static Tensor Tanh(this Tensor x) => Operations.Tanh.Instance.Apply(x);

    /// <summary>ln(1 + eˣ); x itself above 20.</summary>
    public static Tensor Softplus(this Tensor x) => Operations.Softplus.Instance.Apply(x);

    /// <summary>x·clamp(x + 3, 0, 6)/6. Howard et al. 2019, arXiv:1905.02244.</summary>
    public static Tensor HardSwish(this Tensor x) => Operations.HardSwish.Instance.Apply(x);

    /// <summary>x·tanh(softplus(x)). Misra 2020, arXiv:1908.08681.</summary>
    public static Tensor Mish(this Tensor x) => Operations.Mish.Instance.Apply(x);
}
