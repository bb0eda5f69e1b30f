using Backprop.Autograd;

namespace Backprop.Tests;

/// <summary>A function that uses one operation, and a point at which its gradient is to be right.</summary>
internal sealed record GradientCase(
    string Name, Func<Tape, IReadOnlyList<Tensor>, Tensor> Function, (float[] Values, Shape Shape)[] Inputs)
{
    public override string ToString() => $"{Name} at {string.Join(", ", Inputs.Select(input => input.Shape))}";
}

/// <summary>The cases of one operation, and how many of its inputs are differentiable.</summary>
internal sealed record OperationCases(Operation Operation, IReadOnlyList<GradientCase> Cases);
