using Backprop.Autograd;
using Backprop.Operations;
using static Backprop.Tests.GradientCaseGenerators;

namespace Backprop.Tests;

/// <summary>The gradient cases of every operation in <see cref="OperationRegistry.All"/>.</summary>
internal static class OperationCaseTable
{
    public static IReadOnlyDictionary<Operation, IReadOnlyList<GradientCase>> All { get; } = Build();

    private static Dictionary<Operation, IReadOnlyList<GradientCase>> Build()
    {
        var table = new Dictionary<Operation, IReadOnlyList<GradientCase>>
        {
            [MatMul.Instance] = [.. MatMulCases()],
            [Linear.Instance] = [.. LinearCases()],
            [Add.Instance] = [.. BinaryCases(TensorOperations.Add)],
            [Multiply.Instance] = [.. BinaryCases(TensorOperations.Multiply)],
            [Scale.Instance] = [.. ScaleCases()],
            [Sum.Instance] = [.. SumCases()],
            [Reshape.Instance] = [.. ReshapeCases()],
            [Softmax.Instance] = [.. SoftmaxCases(TensorOperations.Softmax)],
            [LogSoftmax.Instance] = [.. SoftmaxCases(TensorOperations.LogSoftmax)],
            [Dropout.Instance] = [.. DropoutCases()],
            [Convolution.Instance] = [.. ConvolutionGradientCases.Convolution()],
            [Permute.Instance] = [.. ConvolutionGradientCases.Permute()],
            [Rescale.Instance] = [.. RescaleGradientCases.All()],
            [Embedding.Instance] = [.. EmbeddingGradientCases.All()],

            [BatchNorm.Instance] = [.. NormalizationGradientCases.BatchNorm()],
            [LayerNorm.Instance] = [.. NormalizationGradientCases.LayerNorm()],
            [AddActivation.Instance] = [.. NormalizationGradientCases.AddActivation()],
            [GroupNorm.Instance] = [.. NormalizationGradientCases.GroupNorm()],

            [MaxPool.Instance] = [.. PoolingGradientCases.MaxPool()],
            [AveragePool.Instance] = [.. PoolingGradientCases.AveragePool()],
            [Pad.Instance] = [.. PoolingGradientCases.Pad()],
            [Upsample.Instance] = [.. PoolingGradientCases.Upsample()],
            [ChannelDropout.Instance] = [.. PoolingGradientCases.ChannelDropout()],

            [Relu.Instance] = [.. ActivationCases(x => x.Relu(), "relu", 0)],
            [LeakyRelu.Instance] =
            [
                .. ActivationCases(x => x.LeakyRelu(), "slope 0.01", 0), .. ActivationCases(x => x.LeakyRelu(1.5f), "slope 1.5", 0),
                .. ActivationCases(x => x.LeakyRelu(0f), "slope 0", 0), .. ActivationCases(x => x.LeakyRelu(-0.5f), "slope −0.5", 0),
            ],
            [Elu.Instance] =
            [
                .. ActivationCases(x => x.Elu(), "α 1", 0), .. ActivationCases(x => x.Elu(0.3f), "α 0.3", 0),
                .. ActivationCases(x => x.Elu(0f), "α 0", 0), .. ActivationCases(x => x.Elu(-0.5f), "α −0.5", 0),
            ],
            [Selu.Instance] = [.. ActivationCases(x => x.Selu(), "selu", 0)],
            [Gelu.Instance] = [.. ActivationCases(x => x.Gelu(), "gelu")],
            [GeluTanh.Instance] = [.. ActivationCases(x => x.Gelu(approximate: true), "gelu tanh")],
            [Silu.Instance] = [.. ActivationCases(x => x.Silu(), "silu")],
            [Sigmoid.Instance] = [.. ActivationCases(x => x.Sigmoid(), "sigmoid")],
            [Tanh.Instance] = [.. ActivationCases(x => x.Tanh(), "tanh")],
            [Softplus.Instance] = [.. ActivationCases(x => x.Softplus(), "softplus", 20)],
            [HardSwish.Instance] = [.. ActivationCases(x => x.HardSwish(), "hardswish", -3, 3)],
            [Mish.Instance] = [.. ActivationCases(x => x.Mish(), "mish", 20)],

            [CrossEntropy.Instance] = [.. LossCases.CrossEntropy(), .. LossCases.CrossEntropyWithProbabilities()],
            [SquaredError.Instance] = [.. LossCases.Pointwise((x, t, w, r) => Losses.MeanSquaredError(x, t, w, r))],
            [AbsoluteError.Instance] = [.. LossCases.Pointwise((x, t, w, r) => Losses.MeanAbsoluteError(x, t, w, r))],
            [Huber.Instance] =
            [
                .. LossCases.Pointwise((x, t, w, r) => Losses.Huber(x, t, 1f, w, r), kink: 1),
                .. LossCases.Pointwise((x, t, w, r) => Losses.Huber(x, t, 0.25f, w, r), kink: 0.25),
            ],
            [BinaryCrossEntropyWithLogits.Instance] =
            [
                .. LossCases.Pointwise((x, t, w, r) => Losses.BinaryCrossEntropyWithLogits(x, t, w, reduction: r)),
                .. LossCases.PositiveWeights(),
            ],
            [SmoothL1.Instance] =
            [
                .. LossCases.Pointwise((x, t, w, r) => Losses.SmoothL1(x, t, 1f, w, r), kink: 1),
                .. LossCases.Pointwise((x, t, w, r) => Losses.SmoothL1(x, t, 0.25f, w, r), kink: 0.25),
            ],
            [Quantile.Instance] =
            [
                .. LossCases.Pointwise((x, t, w, r) => Losses.Quantile(x, t, 0.9f, w, r)),
                .. LossCases.Pointwise((x, t, w, r) => Losses.Quantile(x, t, 0.5f, w, r)),
            ],
            [Hinge.Instance] =
            [
                .. LossCases.PointwiseWithin((x, t, w, r) => Losses.Hinge(x, t, 1f, 1, w, r), (-3, 3), (-1, 1), [-1, 1], targetsAreSigns: true),
                .. LossCases.PointwiseWithin((x, t, w, r) => Losses.Hinge(x, t, 0.5f, 1, w, r), (-3, 3), (-1, 1), [-0.5, 0.5], targetsAreSigns: true),
            ],
            [SquaredHinge.Instance] = [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.Hinge(x, t, 1f, 2, w, r), (-3, 3), (-1, 1), [-1, 1], targetsAreSigns: true)],
            [PoissonOfLogarithm.Instance] = [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.PoissonNegativeLogLikelihood(x, t, exampleWeights: w, reduction: r), (-3, 3), (0, 5))],
            [PoissonOfLogarithmFull.Instance] =
                [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.PoissonNegativeLogLikelihood(x, t, full: true, exampleWeights: w, reduction: r), (-3, 3), (0, 5), targetKinks: [1])],
            [PoissonOfRate.Instance] =
                [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.PoissonNegativeLogLikelihood(x, t, logInput: false, exampleWeights: w, reduction: r), (0.1, 5), (0, 5))],
            [PoissonOfRateFull.Instance] =
            [
                .. LossCases.PointwiseWithin(
                    (x, t, w, r) => Losses.PoissonNegativeLogLikelihood(x, t, logInput: false, full: true, epsilon: 0.5f, exampleWeights: w, reduction: r), (0.1, 5), (0, 5), targetKinks: [1]),
            ],
            [KullbackLeibler.Instance] = [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.KullbackLeibler(x, t, exampleWeights: w, reduction: r), (-4, 0), (0.05, 1))],
            [KullbackLeiblerOfLogarithm.Instance] =
                [.. LossCases.PointwiseWithin((x, t, w, r) => Losses.KullbackLeibler(x, t, logTargets: true, exampleWeights: w, reduction: r), (-4, 0), (-4, 0))],
            [NegativeLogLikelihood.Instance] = [.. LossCases.NegativeLogLikelihood()],
            [MultiMargin.Instance] = [.. LossCases.MultiMargin()],
            [CosineEmbedding.Instance] = [.. LossCases.CosineEmbedding()],
            [SegmentCrossEntropy.Instance] = [.. LossCases.ListwiseSoftmax()],
            [Checkpoint.Instance] = [.. CheckpointGradientCases.All()],
        };
        return table;
    }
}
