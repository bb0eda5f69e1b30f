using System.Reflection;

namespace Backprop.ML.Tests;

public sealed class SeamTests
{
    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    // The very lines the build makes visible.
    public static TheoryData<string> RevealedNames
    {
        get
        {
            using Stream stream = typeof(SeamTests).Assembly.GetManifestResourceStream("RevealedInternals.txt")!;
            using var reader = new StreamReader(stream);
            return [.. reader.ReadToEnd().Split('\n').Where(line => line.Length > 0 && line[0] != '#')];
        }
    }

    [Theory]
    [MemberData(nameof(RevealedNames))]
    public void Every_internal_we_use_is_still_there(string line) => Assert.True(Exists(line), $"ML.NET no longer has {line}");

    [Fact]
    public void A_name_that_is_not_there_is_noticed()
    {
        Assert.False(Exists("Microsoft.ML.Core: Microsoft.ML.ModelLoadContextX"));
        Assert.False(Exists("Microsoft.ML.Core: Microsoft.ML.ModelSaveContext::SetVersionInfoX"));
    }

    [Fact]
    public void The_list_is_short() => Assert.InRange(RevealedNames.Count<object[]>(), 5, 12);

    [Fact]
    public void The_runtime_is_told_of_both_assemblies()
    {
        string[] names = [.. typeof(NeuralNetworkTransformer).Assembly.GetCustomAttributesData()
            .Where(attribute => attribute.AttributeType.Name == "IgnoresAccessChecksToAttribute")
            .Select(attribute => (string)attribute.ConstructorArguments[0].Value!).Order()];
        Assert.Equal(["Microsoft.ML.Core", "Microsoft.ML.Data"], names);
    }

    // ML.NET calls Assembly.GetTypes on the assembly that a model names; one type that cannot be loaded would break every model.
    [Fact]
    public void Every_type_of_the_assembly_loads() => Assert.NotEmpty(typeof(NeuralNetworkTransformer).Assembly.GetTypes());

    private static bool Exists(string line)
    {
        string[] parts = line.Split(": "), member = parts[1].Trim().Split("::");
        Type? type = Assembly.Load(parts[0]).GetType(member[0]);
        return type is not null && (member.Length == 1 || type.GetMembers(Everything).Any(found => found.Name == member[1]));
    }
}
