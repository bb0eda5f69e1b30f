namespace Backprop.Tests;

/// <summary>The element-wise kernels of the GPU against the judge.</summary>
public class GpuElementwiseTests
{
    public static TheoryData<ActivationKind> Activations => [.. Enum.GetValues<ActivationKind>()];

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activate(ActivationKind kind) => GpuHarness.CheckAll(ElementwiseCases.Activate(kind));

    [Theory]
    [MemberData(nameof(Activations))]
    public void ActivateBackward(ActivationKind kind) => GpuHarness.CheckAll(ElementwiseCases.ActivateBackward(kind));

    [Theory]
    [MemberData(nameof(Activations))]
    public void AddActivated(ActivationKind kind) => GpuHarness.CheckAll(NormalizationCases.AddActivated(kind));

    [Fact]
    public void Add() => GpuHarness.CheckAll(ElementwiseCases.Add());

    [Fact]
    public void Multiply() => GpuHarness.CheckAll(ElementwiseCases.Multiply());

    [Fact]
    public void Scale() => GpuHarness.CheckAll(ElementwiseCases.Scale());

    [Fact]
    public void AddSign() => GpuHarness.CheckAll(ElementwiseCases.AddSign());

    [Fact]
    public void Clamp() => GpuHarness.CheckAll(ElementwiseCases.Clamp());

    [Fact]
    public void Fill() => GpuHarness.CheckAll(ElementwiseCases.Fill());
}
