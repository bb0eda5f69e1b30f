namespace Backprop.Tests;

/// <summary>The optimizer steps of the GPU against the judge.</summary>
public class GpuOptimizerTests
{
    [Fact]
    public void SgdStep() => GpuHarness.CheckAll(OptimizerCases.Sgd());

    [Fact]
    public void AdamStep() => GpuHarness.CheckAll(OptimizerCases.Adam());

    [Fact]
    public void RmsPropStep() => GpuHarness.CheckAll(OptimizerCases.RmsProp());

    [Fact]
    public void MomentsStep() => GpuHarness.CheckAll(OptimizerCases.Moments());

    [Fact]
    public void AdagradStep() => GpuHarness.CheckAll(OptimizerCases.Adagrad());

    [Fact]
    public void AdadeltaStep() => GpuHarness.CheckAll(OptimizerCases.Adadelta());

    [Fact]
    public void LimitColumnNorms() => GpuHarness.CheckAll(OptimizerCases.LimitColumnNorms());

    [Fact]
    public void ACenteredRmsPropStepSurvivesAGradientThatNeverChanges()
    {
        lock (GpuHarness.Simulated)
        {
            var parameter = new Parameter("w", ParameterKind.Weight, [33], GpuHarness.Simulated);
            parameter.Value.SetValues(new float[33]);
            OptimizerState optimizer = new RmsProp { Centered = true, Decay = 0.5 }.For(new ParameterCollection([parameter]));
            for (int step = 0; step < 200; step++)
            {
                parameter.SetGradient([.. Enumerable.Range(0, 33).Select(i => 0.1f + i * 0.037f)]);
                optimizer.Step();
                Assert.All(parameter.Value.ToArray(), value => Assert.True(float.IsFinite(value), $"step {step}: {value}"));
            }
        }
    }
}
