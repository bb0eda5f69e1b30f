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
            [Checkpoint.Instance] = [.. CheckpointGradientCases.All()],
        };
        return table;
    }
}
