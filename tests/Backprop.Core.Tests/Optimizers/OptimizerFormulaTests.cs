using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>The places where optimizers are usually wrong, against numbers worked out by hand from the papers.</summary>
public class OptimizerFormulaTests
{
    private const float Rate = 0.01f;

    /// <summary>The changes of one weight that begins at 1, for a row of gradients.</summary>
    private static double[] Changes(Optimizer optimizer, Device device, params double[] gradients)
    {
        var parameter = new Parameter("w", ParameterKind.Weight, [1], device);
        parameter.Value.SetValues([1f]);
        OptimizerState state = optimizer.For(new ParameterCollection([parameter]));
        var changes = new double[gradients.Length];
        for (int i = 0; i < gradients.Length; i++)
        {
            double before = GoldenRun.Values(parameter.Value)[0];
            parameter.SetGradient([(float)gradients[i]]);
            state.Step();
            changes[i] = GoldenRun.Values(parameter.Value)[0] - before;
        }

        return changes;
    }

    private static double[] Changes(Optimizer optimizer, params double[] gradients)
    {
        double[] exact = Changes(optimizer, ReferenceDevice.Instance, gradients), fast = Changes(optimizer, Device.Cpu, gradients);
        for (int i = 0; i < exact.Length; i++)
            Assert.Equal(exact[i], fast[i], 3e-7 + 1e-5 * Math.Abs(exact[i]));
        return exact;
    }

    [Theory]
    [InlineData(1e-3)]
    [InlineData(1)]
    [InlineData(1e6)]
    public void TheFirstStepOfAdamAndItsKinDoesNotDependOnTheSizeOfTheGradient(double gradient)
    {
        // Both averages are corrected, so m/√v is 1; the ε of 10⁻⁸ is outside the root.
        Assert.Equal(-Rate / (1 + 1e-8 / gradient), Changes(new Adam { LearningRate = Rate }, gradient)[0], 1e-9);
        Assert.Equal(-Rate / (1 + 1e-8 / gradient), Changes(new Adam { LearningRate = Rate, AmsGrad = true }, gradient)[0], 1e-9);
        Assert.Equal(-Rate / (1 + 1e-8 / gradient) - Rate * 0.1, Changes(new AdamW { LearningRate = Rate, WeightDecay = 0.1f }, gradient)[0], 1e-9);
        Assert.Equal(-Rate / (1 + 0.5 / gradient), Changes(new Adam { LearningRate = Rate, Epsilon = 0.5f }, gradient)[0], 1e-9);

        // Adagrad's first sum is g², so its step is the rate as well; RMSprop's is not corrected.
        Assert.Equal(-Rate, Changes(new Adagrad { LearningRate = Rate }, gradient)[0], 1e-9);
        Assert.Equal(-Rate / (0.1 + 1e-8 / gradient), Changes(new RmsProp { LearningRate = Rate, Decay = 0.99 }, gradient)[0], 1e-6);
    }

    [Fact]
    public void AmsGradDividesByTheLargestVarianceSoFar()
    {
        // After one gradient of 100 and a hundred zeros, v has fallen to 0.9¹⁰⁰ of what it was; the largest has not.
        double[] gradients = [100, .. new double[100], 1];
        var settings = new Adam { LearningRate = Rate, Beta1 = 0, Beta2 = 0.9 };
        double v = (0.1 * 1e4) * Math.Pow(0.9, 101) + 0.1, correction = 1 - Math.Pow(0.9, 102);
        Assert.Equal(-Rate / Math.Sqrt(v / correction), Changes(settings, gradients)[^1], 1e-8);
        Assert.Equal(-Rate / Math.Sqrt(1e3 / correction), Changes(new Adam { LearningRate = Rate, Beta1 = 0, Beta2 = 0.9, AmsGrad = true }, gradients)[^1], 1e-8);
    }

    [Fact]
    public void RAdamTrustsTheVarianceFromTheSixthStepOn()
    {
        // With β₂ = 0.999, ρ₅ = 4.996 and ρ₆ = 5.994. A constant gradient makes both corrected averages constant.
        double[] changes = Changes(new RAdam { LearningRate = Rate }, [.. Enumerable.Repeat(2.0, 8)]);
        for (int t = 1; t <= 8; t++)
        {
            double limit = 2 / (1 - 0.999) - 1, length = limit - 2 * t * Math.Pow(0.999, t) / (1 - Math.Pow(0.999, t));
            Assert.Equal(t >= 6, length > 5);
            double expected = t < 6 ? -Rate * 2 : -Rate * Math.Sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length));
            Assert.Equal(expected, changes[t - 1], 1e-8);
        }
    }

    [Fact]
    public void NAdamLooksAheadWithTheMomentumOfTheNextStep()
    {
        double mu1 = 0.9 * (1 - 0.5 * Math.Pow(0.96, 0.004)), mu2 = 0.9 * (1 - 0.5 * Math.Pow(0.96, 0.008)), mu3 = 0.9 * (1 - 0.5 * Math.Pow(0.96, 0.012));
        double[] changes = Changes(new NAdam { LearningRate = Rate }, 3, -1);
        double m = 0.1 * 3, v = 0.001 * 9;
        Assert.Equal(-Rate * ((1 - mu1) * 3 / (1 - mu1) + mu2 * m / (1 - mu1 * mu2)) / (Math.Sqrt(v / 0.001) + 1e-8), changes[0], 1e-8);
        m = 0.9 * m + 0.1 * -1;
        v = 0.999 * v + 0.001;
        Assert.Equal(-Rate * ((1 - mu2) * -1 / (1 - mu1 * mu2) + mu3 * m / (1 - mu1 * mu2 * mu3)) / (Math.Sqrt(v / (1 - 0.999 * 0.999)) + 1e-8), changes[1], 1e-8);
    }

    [Fact]
    public void MomentumBeginsWithTheWholeGradientAndNesterovGoesOneStepFurther()
    {
        double[] damped = Changes(new Sgd { LearningRate = Rate, Momentum = 0.5f, Dampening = 0.1f }, 2, 4); // v = 2, 1 + 3.6
        Assert.Equal(-Rate * 2, damped[0], 1e-8);
        Assert.Equal(-Rate * 4.6, damped[1], 1e-8);
        double[] nesterov = Changes(new Sgd { LearningRate = Rate, Momentum = 0.5f, Nesterov = true }, 2, 4); // v = 2, 5
        Assert.Equal(-Rate * (2 + 0.5 * 2), nesterov[0], 1e-8);
        Assert.Equal(-Rate * (4 + 0.5 * 5), nesterov[1], 1e-8);
    }

    [Fact]
    public void AdagradAndAdadeltaKeepToTheirPapers()
    {
        double[] adagrad = Changes(new Adagrad { LearningRate = Rate, LearningRateDecay = 0.5f, InitialAccumulator = 4f }, 2, 1);
        Assert.Equal(-Rate * 2 / Math.Sqrt(8), adagrad[0], 1e-8);
        Assert.Equal(-Rate / 1.5 * 1 / Math.Sqrt(9), adagrad[1], 1e-8);
        double[] adadelta = Changes(new Adadelta { Epsilon = 1e-2f }, 2, 1);
        double v = 0.1 * 4, step = 2 * Math.Sqrt(0.01 / (v + 0.01)), a = 0.1 * step * step;
        Assert.Equal(-step, adadelta[0], 1e-7);
        v = 0.9 * v + 0.1;
        Assert.Equal(-Math.Sqrt((a + 0.01) / (v + 0.01)), adadelta[1], 1e-7);
    }

    [Fact]
    public void TheVarianceOfAConstantGradientIsNoneAndTheStepStaysFinite()
    {
        // Centered, the variance of 1000 equal gradients is 0 but for rounding, which must not come out below.
        double[] changes = Changes(new RmsProp { LearningRate = 1e-10f, Centered = true, Decay = 0.5 }, Device.Cpu, [.. Enumerable.Repeat(0.1, 1000)]);
        Assert.All(changes, change => Assert.True(double.IsFinite(change)));
    }
}
