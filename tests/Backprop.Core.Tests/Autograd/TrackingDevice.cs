using Backprop.Devices;
using Backprop.Devices.Reference;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>
/// The reference device with the memory habits of a real one: blocks are lent again, the last returned first, and hold
/// rubbish then. Counts what is out, and can refuse a request, as a full memory would.
/// </summary>
internal sealed partial class TrackingDevice() : Device("Tracking")
{
    private static readonly ReferenceDevice Inner = ReferenceDevice.Instance;
    private readonly Dictionary<int, Stack<MemoryBlock>> _idle = [];
    private readonly HashSet<MemoryBlock> _rented = new(ReferenceEqualityComparer.Instance);

    /// <summary>The number of blocks that are out.</summary>
    public int RentedBlocks => _rented.Count;

    /// <summary>The number of requests so far.</summary>
    public int Requests { get; private set; }

    /// <summary>The request that is refused, counted from 1; none when 0.</summary>
    public int RefusedRequest { get; set; }

    /// <summary>What the factors of products were said to be, in the order of the products.</summary>
    public List<(ElementType A, ElementType B)> ProductFormats { get; } = [];

    public override MemoryStatistics Memory => new(0, 0, 0, MemoryLimit);

    public override long MemoryLimit { get; set; } = long.MaxValue;

    internal override MemoryBlock Rent(int length, ElementType elementType)
    {
        if (++Requests == RefusedRequest)
            throw new InsufficientMemoryException($"Request {Requests} is refused by the test.");
        int capacity = Math.Max(length, 1);
        if (!_idle.TryGetValue(capacity, out Stack<MemoryBlock>? stack) || !stack.TryPop(out MemoryBlock? block))
            block = Inner.Rent(capacity, elementType);
        _rented.Add(block);
        return block;
    }

    internal override void Return(MemoryBlock block)
    {
        if (!_rented.Remove(block))
            throw new InvalidOperationException("A block was returned that is not out.");
        ReferenceDevice.Values(block).AsSpan().Fill(double.NaN);
        if (!_idle.TryGetValue(block.Capacity, out Stack<MemoryBlock>? stack))
            _idle.Add(block.Capacity, stack = new Stack<MemoryBlock>());
        stack.Push(block);
    }

    internal override void Upload(ReadOnlySpan<float> source, MemoryBlock destination) => Inner.Upload(source, destination);

    internal override void Upload(ReadOnlySpan<int> source, MemoryBlock destination) => Inner.Upload(source, destination);

    internal override void Download(MemoryBlock source, Span<float> destination, int start = 0) => Inner.Download(source, destination, start);

    internal override void Fill(MemoryBlock destination, float value, int length) => Inner.Fill(destination, value, length);

    internal override void MatMul(in MatMulArguments arguments)
    {
        CheckFormat(arguments.A, arguments.M * arguments.K, arguments.FormatA);
        CheckFormat(arguments.B, arguments.K * arguments.N, arguments.FormatB);
        ProductFormats.Add((arguments.FormatA, arguments.FormatB));
        Inner.MatMul(arguments);
    }

    internal override void Convolution(in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output) =>
        Inner.Convolution(shape, input, weight, bias, activation, output);

    internal override void ConvolutionBackwardInput(in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate) =>
        Inner.ConvolutionBackwardInput(shape, gradOutput, weight, gradInput, accumulate);

    internal override void ConvolutionBackwardWeight(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate) =>
        Inner.ConvolutionBackwardWeight(shape, input, gradOutput, gradWeight, accumulate);

    internal override void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate) => Inner.Permute(layout, x, y, accumulate);

    internal override void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y) => Inner.Rescale(arguments, x, y);

    internal override void Activate(Activation activation, MemoryBlock x, MemoryBlock y, int length) => Inner.Activate(activation, x, y, length);

    internal override void ActivateBackward(Activation activation, MemoryBlock? x, MemoryBlock? y, MemoryBlock gradOutput, MemoryBlock gradInput, int length, bool accumulate) =>
        Inner.ActivateBackward(activation, x, y, gradOutput, gradInput, length, accumulate);

    internal override void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) => Inner.Add(a, b, y, length);

    internal override void AddActivated(Activation activation, MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) => Inner.AddActivated(activation, a, b, y, length);

    internal override void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate) => Inner.Multiply(a, b, y, length, accumulate);

    internal override void Scale(double factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate) => Inner.Scale(factor, x, y, length, accumulate);

    internal override void AddSign(float factor, MemoryBlock x, MemoryBlock y, int length) => Inner.AddSign(factor, x, y, length);

    internal override void Clamp(MemoryBlock x, float minimum, float maximum, int length) => Inner.Clamp(x, minimum, maximum, length);

    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length) => Inner.Round(format, x, y, length);

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) => Inner.Narrow(format, x, y, length);

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) => Inner.Widen(format, x, y, length);

    internal override void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate) =>
        Inner.Dropout(key, rate, x, y, length, accumulate);

    internal override void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate) => Inner.Expand(layout, small, full, accumulate);

    internal override void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate) =>
        Inner.Sum(layout, factor, full, small, accumulate);

    internal override double SumOfSquares(MemoryBlock x, int length) => Inner.SumOfSquares(x, length);

    internal override double SumOfMagnitudes(MemoryBlock x, int length) => Inner.SumOfMagnitudes(x, length);

    internal override float LargestMagnitude(MemoryBlock x, int length) => Inner.LargestMagnitude(x, length);

    internal override void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y) => Inner.Softmax(layout, logarithm, x, y);

    internal override void SoftmaxBackward(in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Inner.SoftmaxBackward(layout, logarithm, y, gradOutput, gradInput, accumulate);

    internal override void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments) =>
        Inner.CrossEntropy(layout, logits, labels, arguments);

    internal override void CrossEntropyWithProbabilities(in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments) =>
        Inner.CrossEntropyWithProbabilities(layout, logits, targets, arguments);

    internal override void PointwiseLoss(PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments) =>
        Inner.PointwiseLoss(kind, predictions, targets, rows, columns, arguments);

    internal override void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments) =>
        Inner.NegativeLogLikelihood(layout, logProbabilities, labels, arguments);

    internal override void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments) =>
        Inner.MultiMargin(power, scores, labels, rows, classes, arguments);

    internal override void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments) =>
        Inner.CosineEmbedding(a, b, signs, rows, columns, arguments);

    internal override void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments) =>
        Inner.SegmentCrossEntropy(scores, targets, offsets, segments, length, arguments);

    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) =>
        Inner.BatchNorm(arguments, x, statistics, y);

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) =>
        Inner.BatchNormBackward(arguments, x, statistics, gradients);

    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) =>
        Inner.GroupNorm(arguments, x, statistics, y);

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) =>
        Inner.GroupNormBackward(arguments, x, statistics, gradients);

    public override void ReleaseIdleMemory() => Inner.ReleaseIdleMemory();

    /// <summary>What is said to consist of 16-bit numbers must do so.</summary>
    private static void CheckFormat(MemoryBlock block, int length, ElementType format)
    {
        if (format == ElementType.Float32)
            return;
        MemoryBlock rounded = Inner.Rent(Math.Max(length, 1), ElementType.Float32);
        Inner.Round(format, block, rounded, length);
        if (!ReferenceDevice.Values(block).AsSpan(0, length).SequenceEqual(ReferenceDevice.Values(rounded).AsSpan(0, length)))
            throw new InvalidOperationException($"A factor is said to consist of {format} numbers and does not.");
        Inner.Return(rounded);
    }
}
