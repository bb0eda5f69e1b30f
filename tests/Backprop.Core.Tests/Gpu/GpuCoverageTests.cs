using System.Reflection;

namespace Backprop.Tests;

/// <summary>No kernel of the contract is forgotten.</summary>
public class GpuCoverageTests
{
    [Fact]
    public void EveryKernelOfTheContractHasATestOnTheGpu()
    {
        string[] memory = ["Rent", "Return", "Upload", "Download"];
        IEnumerable<string> kernels = typeof(Device).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic)
            .Where(method => method is { IsAbstract: true, IsAssembly: true }).Select(method => method.Name).Except(memory);
        IEnumerable<string> tests =
            from type in typeof(GpuCoverageTests).Assembly.GetTypes()
            where type.Name.StartsWith("Gpu", StringComparison.Ordinal) && type.Name.EndsWith("Tests", StringComparison.Ordinal)
            from method in type.GetMethods()
            where method.GetCustomAttributes<FactAttribute>().Any()
            select method.Name;
        Assert.NotEmpty(kernels);
        Assert.Empty(kernels.Except(tests));
    }
}
