using Backprop.Autograd;

namespace Backprop.Operations;

/// <summary>Every differentiable operation. What must hold for all of them (a gradient check, say) is driven by this list.</summary>
internal static class OperationRegistry
{
    public static IReadOnlyList<Operation> All { get; } =
    [
        MatMul.Instance, Linear.Instance,
        Add.Instance, Multiply.Instance, Scale.Instance, Sum.Instance, Reshape.Instance,
        Relu.Instance, LeakyRelu.Instance, Elu.Instance, Selu.Instance, Gelu.Instance, GeluTanh.Instance, Silu.Instance,
        Sigmoid.Instance, Tanh.Instance, Softplus.Instance, HardSwish.Instance, Mish.Instance,
        Softmax.Instance, LogSoftmax.Instance, Dropout.Instance,
        BatchNorm.Instance, LayerNorm.Instance, GroupNorm.Instance, AddActivation.Instance,
        Convolution.Instance, Permute.Instance, Rescale.Instance, Embedding.Instance,
        MaxPool.Instance, AveragePool.Instance, Pad.Instance, Upsample.Instance, ChannelDropout.Instance,
        CrossEntropy.Instance, SquaredError.Instance, AbsoluteError.Instance, Huber.Instance, BinaryCrossEntropyWithLogits.Instance,
        SmoothL1.Instance, Quantile.Instance, Hinge.Instance, SquaredHinge.Instance, PoissonOfLogarithm.Instance, PoissonOfLogarithmFull.Instance,
        PoissonOfRate.Instance, PoissonOfRateFull.Instance, KullbackLeibler.Instance, KullbackLeiblerOfLogarithm.Instance,
        NegativeLogLikelihood.Instance, MultiMargin.Instance, CosineEmbedding.Instance, SegmentCrossEntropy.Instance,
        Checkpoint.Instance,
    ];
}
