using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Our engine against the values of libtorch in float64, case by case. No case of a family is left out.</summary>
public class GoldenTests
{
    /// <summary>What each family's operations are run by.</summary>
    private static readonly Dictionary<string, Dictionary<string, Func<GoldenCase, Device, GoldenRun>>> Families = new()
    {
        ["conv2d"] = new() { ["conv2d"] = GoldenConvolution.Conv2d },
        ["conv1d"] = new() { ["conv1d"] = GoldenConvolution.Conv1d },
        ["linear"] = new() { ["linear"] = GoldenOperations.Linear },
        ["activations"] = new[] { "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus", "hardswish", "mish" }
            .ToDictionary(name => name, _ => (Func<GoldenCase, Device, GoldenRun>)GoldenOperations.Activation),
        ["softmax"] = new() { ["softmax"] = GoldenOperations.Softmax, ["log_softmax"] = GoldenOperations.Softmax },
        ["batch_norm"] = new() { ["batch_norm"] = GoldenNormalization.BatchNorm },
        ["layer_norm"] = new() { ["layer_norm"] = GoldenNormalization.LayerNorm },
        ["group_norm"] = new() { ["group_norm"] = GoldenNormalization.GroupNorm },
        ["pooling"] = new[] { "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "global_avg_pool2d" }
            .ToDictionary(name => name, _ => (Func<GoldenCase, Device, GoldenRun>)GoldenPooling.Run),
        ["residual_block"] = new() { ["residual_block"] = GoldenResidual.Block },
        ["training_cnn"] = new() { ["training_cnn"] = GoldenResidual.TrainingCnn },
        ["losses_classification"] = new()
        {
            ["cross_entropy"] = GoldenLosses.CrossEntropy,
            ["bce_with_logits"] = GoldenLosses.BinaryCrossEntropy,
            ["nll"] = GoldenLosses.NegativeLogLikelihood,
        },
        ["losses_regression"] = new()
        {
            ["mse"] = GoldenLosses.MeanSquaredError,
            ["mae"] = GoldenLosses.MeanAbsoluteError,
            ["huber"] = GoldenLosses.Huber,
            ["smooth_l1"] = GoldenLosses.SmoothL1,
            ["poisson_nll"] = GoldenLosses.Poisson,
        },
        ["losses_other"] = new() { ["kl_div"] = GoldenLosses.KullbackLeibler, ["hinge"] = GoldenLosses.Hinge, ["multi_margin"] = GoldenLosses.MultiMargin, ["cosine_embedding"] = GoldenLosses.CosineEmbedding },
        ["optimizers"] = new()
        {
            ["sgd"] = GoldenTraining.Optimizer,
            ["adam"] = GoldenTraining.Optimizer,
            ["adamw"] = GoldenTraining.Optimizer,
            ["rmsprop"] = GoldenTraining.Optimizer,
            ["adagrad"] = GoldenTraining.Optimizer,
            ["adadelta"] = GoldenTraining.Optimizer,
            ["nadam"] = GoldenTraining.Optimizer,
            ["radam"] = GoldenTraining.Optimizer,
        },
        ["lr_schedules"] = new[] { "step", "multi_step", "exponential", "cosine", "cosine_warm_restarts", "one_cycle", "linear_warmup", "warmup_cosine", "polynomial", "reduce_on_plateau" }
            .ToDictionary(name => name, _ => (Func<GoldenCase, Device, GoldenRun>)GoldenSchedules.Schedule),
        ["clipping"] = new() { ["clip_grad_norm"] = GoldenSchedules.Clip, ["clip_grad_value"] = GoldenSchedules.Clip },
        ["grad_accumulation"] = new() { ["grad_accumulation"] = GoldenTraining.Accumulation },
        ["initializers"] = new[] { "xavier_uniform", "xavier_normal", "he_uniform", "he_normal" }
            .ToDictionary(name => name, _ => (Func<GoldenCase, Device, GoldenRun>)GoldenInitializers.Run),
        ["grad_checkpointing"] = new() { ["grad_checkpointing"] = GoldenCheckpointing.Run },
        ["mixed_precision"] = new() { ["round"] = GoldenPrecision.Round, ["linear_rounded"] = GoldenPrecision.Linear },
        ["grad_scaler"] = new() { ["grad_scaler"] = GoldenPrecision.Scaler },
        ["embedding"] = new() { ["embedding"] = GoldenEmbedding.Run },
        ["training_mlp"] = new() { ["training_mlp"] = GoldenTraining.Mlp },
    };

    /// <summary>What float64 gives where all numbers of a case are exact in float32.</summary>
    private const double DoubleTolerance = 1e-9;

    /// <summary>Our attributes (learning rate, slope, δ, smoothing) are floats: one that is not exact, such as 0.1, is off by up to 6·10⁻⁸ of itself.</summary>
    private const double FloatAttributeTolerance = 3e-7;

    public static TheoryData<string> FamilyNames => [.. Families.Keys];

    [Theory]
    [MemberData(nameof(FamilyNames))]
    public void TheReferenceDeviceAgreesWithLibtorch(string family) => Check(family, ReferenceDevice.Instance, goldenCase => ReferenceTolerance(family, goldenCase));

    [Theory]
    [MemberData(nameof(FamilyNames))]
    public void TheProcessorAgreesWithLibtorch(string family) => Check(family, CpuDevice.Default, goldenCase => GoldenFile.Tolerance(family, goldenCase.Name));

    [Fact]
    public void ALargeErrorWouldBeSeen()
    {
        GoldenCase goldenCase = GoldenFile.Load("linear").Cases[0];
        GoldenRun run = GoldenOperations.Linear(goldenCase, ReferenceDevice.Instance);
        run.Gradients["weight"][0] += 1e-3;
        Assert.True(run.ErrorAgainst(goldenCase).Error > 1e-5);
        run.Gradients["weight"][0] = double.NaN;
        Assert.Equal(double.PositiveInfinity, run.ErrorAgainst(goldenCase).Error);
        run.Gradients.Remove("weight");
        Assert.Equal(double.PositiveInfinity, run.ErrorAgainst(goldenCase).Error);
    }

    [Fact]
    public void AnIllConditionedCaseHasItsOwnTolerance()
    {
        Assert.Equal(0.05, GoldenFile.Tolerance("activations", "gelu_none_negative_tail"));
        Assert.Equal(1e-5, GoldenFile.Tolerance("activations", "gelu_none_random"));
    }

    /// <summary>Runs all cases of a family on a device.</summary>
    internal static void Check(string family, Device device, Func<GoldenCase, double> tolerance)
    {
        var failures = new List<string>();
        int ran = 0;
        GoldenFile file = GoldenFile.Load(family);
        foreach (GoldenCase goldenCase in file.Cases)
        {
            if (!Families[family].TryGetValue(goldenCase.Op, out Func<GoldenCase, Device, GoldenRun>? runner))
            {
                failures.Add($"{goldenCase}: the operation '{goldenCase.Op}' is not supported.");
                continue;
            }

            (double error, string tensor) = runner(goldenCase, device).ErrorAgainst(goldenCase);
            ran++;
            if (!(error <= tolerance(goldenCase)))
                failures.Add($"{goldenCase}: error {error:g3}, allowed {tolerance(goldenCase):g3}, in {tensor}");
        }

        Assert.True(failures.Count == 0, $"{family} on {device}: {failures.Count} failures\n{string.Join("\n", failures)}");
        Assert.Equal(file.Cases.Count, ran);
    }

    private static double ReferenceTolerance(string family, GoldenCase goldenCase)
    {
        bool isExact = family != "initializers" && goldenCase.Attributes.Values.All(IsFloat);
        return isExact ? DoubleTolerance : FloatAttributeTolerance;
    }

    private static bool IsFloat(System.Text.Json.JsonElement value) => value.ValueKind switch
    {
        System.Text.Json.JsonValueKind.Number => value.GetDouble() == (float)value.GetDouble(),
        System.Text.Json.JsonValueKind.Array => value.EnumerateArray().All(IsFloat),
        System.Text.Json.JsonValueKind.Object => value.EnumerateObject().All(property => IsFloat(property.Value)),
        _ => true,
    };
}
