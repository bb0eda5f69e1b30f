using Backprop.Autograd;
using Backprop.Devices.Reference;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>What must hold for the gradient of every operation. The registry drives it: an operation without cases fails.</summary>
public class OperationGradientTests
{
    private const int CasesPerOperation = 40, CasesInAll = 2000;

    public static TheoryData<string> Operations => [.. OperationRegistry.All.Select(operation => operation.Name)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void TheGradientEqualsCentralDifferences(string name)
    {
        var failures = new List<string>();
        foreach (GradientCase gradientCase in CasesOf(name))
        {
            GradientCheckResult result = GradientCheck.Run(gradientCase.Function, gradientCase.Inputs);
            if (!result.IsCorrect)
                failures.Add($"{name}, {gradientCase}: {result}");
        }

        Assert.True(failures.Count == 0, $"{failures.Count} failures:\n{string.Join("\n", failures.Take(10))}");
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void EveryCaseUsesTheOperationItStandsFor(string name)
    {
        foreach (GradientCase gradientCase in CasesOf(name))
        {
            using var tape = new Tape(ReferenceDevice.Instance);
            gradientCase.Function(tape, [.. gradientCase.Inputs.Select(input => tape.Input(input.Values, input.Shape, requiresGradient: true))]);
            Assert.Contains(tape.State.Records.ToArray(), record => record.Operation.Name == name);
        }
    }

    [Fact]
    public void EveryRegisteredOperationHasEnoughCases()
    {
        foreach (Operation operation in OperationRegistry.All)
        {
            int count = OperationCaseTable.All.TryGetValue(operation, out IReadOnlyList<GradientCase>? cases) ? cases.Count : 0;
            Assert.True(count >= CasesPerOperation, $"{operation.Name} has {count} gradient cases in {nameof(OperationCaseTable)}; expected at least {CasesPerOperation}.");
        }

        Assert.True(OperationCaseTable.All.Values.Sum(cases => cases.Count) >= CasesInAll);
    }

    [Fact]
    public void EveryOperationOfTheAssemblyIsRegistered()
    {
        IEnumerable<Type> types = typeof(Operation).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Operation)) && !type.IsAbstract);
        Assert.Equal(
            types.Select(type => type.FullName).Order(),
            OperationRegistry.All.Select(operation => operation.GetType().FullName).Order());
    }

    [Fact]
    public void OperationNamesAreUnique() =>
        Assert.Equal(OperationRegistry.All.Count, OperationRegistry.All.Select(operation => operation.Name).Distinct().Count());

    private static IReadOnlyList<GradientCase> CasesOf(string name) =>
        OperationCaseTable.All[OperationRegistry.All.Single(operation => operation.Name == name)];
}
