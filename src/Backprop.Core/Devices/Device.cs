using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

/// <summary>
/// Where tensors live and operations run. This file, with those beside it that go on with it (Device.*.cs), lists everything
/// a device must do; an operation calls nothing else.
/// </summary>
/// <remarks>
/// Kernels validate nothing: shapes are checked by the operations above them. Unless said otherwise a kernel allocates
/// nothing, reads no more than the given lengths, accepts length 0, and gives the same bits at any number of threads.
/// <c>accumulate</c> means that the result is added to what the destination holds; without it the destination's old
/// content, which may be anything, is overwritten. Sources and destination are distinct unless the kernel says that
/// they may be the same block.
/// </remarks>
public abstract partial class Device
{
    private protected Device(string name) => Name = name;

    /// <summary>What this device is, for people: its kind and, for a processor, the vector width in use.</summary>
    public string Name { get; }

    /// <summary>The processor of this machine, with the widest vector instructions it has.</summary>
    public static Device Cpu => Devices.Cpu.CpuDevice.Default;

    /// <summary>How much memory the buffers of this device take. Reading it costs nothing.</summary>
    public abstract MemoryStatistics Memory { get; }

    /// <summary>
    /// The most bytes that the buffers of this device may take together. Default, for the processor: three quarters of the
    /// memory this process can have. Lowering it takes nothing from those who hold buffers now.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1 MiB, with which nothing could be computed.</exception>
    public abstract long MemoryLimit { get; set; }

    /// <summary>Gives the buffers that wait for the next step back to the system: for after training, when memory is scarce.</summary>
    public abstract void ReleaseIdleMemory();

    /// <summary>The processor with a given number of threads; the same device for the same number.</summary>
    /// <param name="numberOfThreads">The threads that share the work, the calling one included; at least 1. Results do not depend on it.</param>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1, or more than 1024.</exception>
    public static Device CpuWithThreads(int numberOfThreads) => Devices.Cpu.CpuDevice.WithThreads(numberOfThreads);

    /// <summary>A GPU, through CUDA or OpenCL; the same device for the same number.</summary>
    /// <remarks>The first use of each kind of kernel compiles it, which takes from milliseconds to tenths of a second.</remarks>
    /// <param name="index">Its number in <see cref="BackpropDevices.List"/>. Default: the first.</param>
    /// <exception cref="DeviceException">There is no such GPU, or its driver is missing or too old; the message says what was found and what to do.</exception>
    public static Device Gpu(int index = 0) => Devices.Gpu.GpuRuntime.Default(index);

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>What an exception of this device's driver means to its user; null if it is none of these.</summary>
    internal virtual DeviceException? Explain(Exception exception) => exception as DeviceException;

    /// <summary>How many rows of a prediction go through the layers at once: enough to fill the kernels, few enough for the activations to stay in cache.</summary>
    internal virtual int MaximumPredictionRows => 64;

    // ---- Memory ----

    /// <summary>A block of at least <paramref name="length"/> elements with undefined content, from the pool.</summary>
    internal abstract MemoryBlock Rent(int length, ElementType elementType);

    /// <summary>Gives a block back to the pool.</summary>
    internal abstract void Return(MemoryBlock block);

    internal abstract void Upload(ReadOnlySpan<float> source, MemoryBlock destination);

    internal abstract void Upload(ReadOnlySpan<int> source, MemoryBlock destination);

    /// <summary>Copies values from <paramref name="start"/> on, as many as there is room for.</summary>
    internal abstract void Download(MemoryBlock source, Span<float> destination, int start = 0);

    internal abstract void Fill(MemoryBlock destination, float value, int length);

    // ---- Matrix products ----

    internal abstract void MatMul(in MatMulArguments arguments);

    // ---- Element-wise ----

    /// <summary>y = activation(x). x and y may be the same block.</summary>
    internal abstract void Activate(Activation activation, MemoryBlock x, MemoryBlock y, int length);

    /// <summary>
    /// gradInput (+)= gradOutput · activation'(x). x may be null when <see cref="Activation.DerivativeFromOutput"/>, y
    /// when not. gradInput and gradOutput may be the same block when not accumulating.
    /// </summary>
    internal abstract void ActivateBackward(
        Activation activation, MemoryBlock? x, MemoryBlock? y, MemoryBlock gradOutput, MemoryBlock gradInput, int length, bool accumulate);

    /// <summary>y = a + b. y may be a or b.</summary>
    internal abstract void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length);

    /// <summary>y = activation(a + b). y may be a or b.</summary>
    internal abstract void AddActivated(Activation activation, MemoryBlock a, MemoryBlock b, MemoryBlock y, int length);

    /// <summary>y (+)= a · b, element by element. Without accumulation y may be a or b.</summary>
    internal abstract void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate);

    /// <summary>y (+)= factor · x. Without accumulation y may be x.</summary>
    internal abstract void Scale(double factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate);

    /// <summary>y += factor · sign(x), the sign of 0 being 0.</summary>
    internal abstract void AddSign(float factor, MemoryBlock x, MemoryBlock y, int length);

    /// <summary>x ← min(max(x, minimum), maximum).</summary>
    internal abstract void Clamp(MemoryBlock x, float minimum, float maximum, int length);

    /// <summary>
    /// y (+)= x/(1 − rate) where the element's random number ≥ rate, else 0: inverted dropout (Srivastava et al. 2014).
    /// Forward and backward are the same kernel with the same key, so no mask is kept. Element i uses
    /// <see cref="Philox.ToUniform"/> of word i of the key's sequence. Without accumulation y may be x.
    /// </summary>
    internal abstract void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate);

    // ---- Broadcast and reduction ----

    /// <summary>full (+)= small, repeated along the axes that are not kept.</summary>
    internal abstract void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate);

    /// <summary>small (+)= factor · the sum of full over the axes that are not kept, in a fixed order.</summary>
    internal abstract void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate);

    /// <summary>The sum of x², accumulated in double precision in a fixed order, as a number of the host.</summary>
    internal abstract double SumOfSquares(MemoryBlock x, int length);

    /// <summary>The sum of |x|, likewise.</summary>
    internal abstract double SumOfMagnitudes(MemoryBlock x, int length);

    /// <summary>The largest |x|, 0 when there is none; NaN if there is one.</summary>
    internal abstract float LargestMagnitude(MemoryBlock x, int length);

    // ---- Softmax and losses ----

    /// <summary>y = softmax(x) along the axis, or its logarithm; the maximum is subtracted first. x and y may be the same block.</summary>
    internal abstract void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y);

    /// <summary>gradInput (+)= the gradient through <see cref="Softmax"/>, from its output y.</summary>
    internal abstract void SoftmaxBackward(
        in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate);

    /// <summary>
    /// Softmax cross entropy of logits [Outer, Axis, Inner] with Int32 labels [Outer, Inner] in one pass, gradient
    /// included. Row weights are per label, column weights per class w: the loss of a row with class t is
    /// (1 − ε)·w[t]·(−log p[t]) + ε/C·Σ w[c]·(−log p[c]). A negative label is a row without loss and gradient.
    /// </summary>
    internal abstract void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments);

    /// <summary>
    /// The same with target probabilities in the layout of the logits: the loss of a row is Σ w[c]·t[c]·(−log p[c])
    /// (smoothing is not applied). The target gradient is Σ's factor w[c]·(−log p[c]).
    /// </summary>
    internal abstract void CrossEntropyWithProbabilities(in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments);

    /// <summary>An element-wise loss of predictions and targets, both [rows, columns]. Row and column weights as in <see cref="LossArguments"/>.</summary>
    internal abstract void PointwiseLoss(
        PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments);

    /// <summary>
    /// The loss −w[t]·x[t] of log-probabilities x [Outer, Axis, Inner] with Int32 labels [Outer, Inner]; a negative label is a
    /// row without loss and gradient. Column weights are per class.
    /// </summary>
    internal abstract void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments);

    /// <summary>
    /// The loss w[t]/C·Σ max(0, m − x[t] + x[c])^p over the classes c ≠ t of scores [rows, C] with Int32 labels; m is the
    /// parameter, p 1 or 2. Column weights are per class.
    /// </summary>
    internal abstract void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments);

    /// <summary>
    /// Of rows a and b, both [rows, columns], and Int32 signs: 1 − cos(a, b) for 1, max(0, cos(a, b) − m) for −1, where
    /// cos = a·b/√((|a|² + ε)(|b|² + ε)), ε = 10⁻¹² and m the parameter. The prediction is a, the target b.
    /// </summary>
    internal abstract void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments);

    /// <summary>
    /// Softmax cross entropy of neighbouring segments of scores x [length] with targets t [length], which need not add up to 1: the
    /// loss of a segment is Σ t·(−log softmax(x)). Segment s goes from the Int32 offset s to before offset s + 1; the last of the
    /// segments + 1 offsets is the length. A segment is a row for reductions and row weights; an empty one has no loss.
    /// </summary>
    internal abstract void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments);
}
