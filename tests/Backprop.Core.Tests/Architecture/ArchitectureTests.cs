using System.Reflection.Metadata;
using System.Text.RegularExpressions;

namespace Backprop.Tests;

/// <summary>The shape of the house: which room may know which, and how large a file may grow.</summary>
public class ArchitectureTests
{
    private const int LongestFile = 500;

    /// <summary>From the foundation up. A room knows those with a smaller number; those with the same number do not know each other.</summary>
    private static readonly Dictionary<string, int> Height = new()
    {
        ["Memory"] = 0,
        ["Devices"] = 1,
        ["Tensors"] = 2,
        ["Autograd"] = 3,
        ["Operations"] = 4,
        ["Layers"] = 5,
        ["Optimizers"] = 6,
        ["Losses"] = 6,
        ["Training"] = 7,
    };

    private static readonly string Source = FindSource();

    [Fact]
    public void ARoomKnowsOnlyThoseBelowIt()
    {
        using var map = new RoomMap(typeof(Tensor).Assembly, "Backprop.Core");
        var references = new TypeReferences(map);
        var upward = new SortedSet<string>();
        foreach ((TypeDefinitionHandle type, string? room) in map.Rooms)
        {
            if (room is null)
                continue;
            foreach (TypeDefinitionHandle other in references.Of(type))
                if (map.Rooms[other] is { } otherRoom && otherRoom != room && Height[otherRoom] >= Height[room])
                    upward.Add($"{room}/{map.NameOf(type)} knows {otherRoom}/{map.NameOf(other)}");
        }

        Assert.True(upward.Count == 0, string.Join("\n", upward));
    }

    [Fact]
    public void EveryTypeStandsInARoomOfThePlan()
    {
        using var map = new RoomMap(typeof(Tensor).Assembly, "Backprop.Core");
        Assert.Equal(Height.Keys.Order(), map.Rooms.Values.OfType<string>().Distinct().Order());
        foreach (Type type in typeof(Tensor).Assembly.GetTypes().Where(type => type.Namespace?.StartsWith("Backprop", StringComparison.Ordinal) == true && type.DeclaringType is null && !type.Name.StartsWith('<')))
        {
            TypeDefinitionHandle handle = System.Reflection.Metadata.Ecma335.MetadataTokens.TypeDefinitionHandle(type.MetadataToken & 0xFFFFFF);
            Assert.True(map.Rooms[handle] is not null, $"{type.FullName} stands in no room.");
        }
    }

    [Fact]
    public void TheArrowsThatAreThereAreSeen()
    {
        // A reader of metadata that sees nothing would pass the test above.
        using var map = new RoomMap(typeof(Tensor).Assembly, "Backprop.Core");
        var references = new TypeReferences(map);
        HashSet<(string From, string To)> arrows = [];
        foreach ((TypeDefinitionHandle type, string? room) in map.Rooms)
            foreach (TypeDefinitionHandle other in references.Of(type))
                if (room is not null && map.Rooms[other] is { } otherRoom)
                    arrows.Add((room, otherRoom));
        Assert.Subset(arrows, new HashSet<(string, string)>
        {
            ("Devices", "Memory"), ("Tensors", "Devices"), ("Autograd", "Tensors"), ("Operations", "Autograd"), ("Layers", "Operations"),
            ("Losses", "Operations"), ("Optimizers", "Layers"), ("Training", "Optimizers"), ("Training", "Losses"),
        });

        // An enum has no method whose document would tell: its room comes from the list of its documents.
        Assert.Equal("Layers", RoomOf(map, "ParameterKind"));
        Assert.Equal("Devices", RoomOf(map, "ReferenceDevice"));
    }

    [Fact]
    public void TheEngineKnowsNothingOfMlNet()
    {
        Assert.DoesNotContain(typeof(Tensor).Assembly.GetReferencedAssemblies(), name => name.Name!.StartsWith("Microsoft.ML", StringComparison.Ordinal));
        Assert.All(SourceFiles("Backprop.Core"), file => Assert.DoesNotContain("Microsoft.ML", File.ReadAllText(file)));
        Assert.DoesNotContain("Microsoft.ML", File.ReadAllText(Path.Combine(Source, "Backprop.Core", "Backprop.Core.csproj")).Replace("Backprop.ML", ""));
    }

    [Fact]
    public void NoSourceFileIsLongerThanFiveHundredLines() =>
        Assert.All(SourceFiles(""), file => Assert.True(File.ReadLines(file).Count() <= LongestFile, $"{file} has {File.ReadLines(file).Count()} lines; at most {LongestFile}."));

    [Fact]
    public void NoSourceFileIsNamedAfterNothing() =>
        Assert.All(SourceFiles(""), file => Assert.DoesNotMatch(new Regex("Util|Helper|Common|Misc", RegexOptions.IgnoreCase), Path.GetFileNameWithoutExtension(file)));

    [Fact]
    public void NothingIsWrittenToTheConsole() =>
        Assert.All(SourceFiles(""), file => Assert.DoesNotContain(File.ReadLines(file), line => line.Contains("Console.") && !line.TrimStart().StartsWith("//", StringComparison.Ordinal)));

    [Fact]
    public void EveryFileHasOneNamespaceForm() =>
        Assert.All(SourceFiles("Backprop.Core"), file => Assert.Matches(new Regex(@"^namespace Backprop[\w.]*(;|\s*$)", RegexOptions.Multiline), File.ReadAllText(file)));

    private static string? RoomOf(RoomMap map, string name) => map.Rooms.Single(pair => map.NameOf(pair.Key) == name).Value;

    private static IEnumerable<string> SourceFiles(string project)
    {
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(Source, project), "*.cs", SearchOption.AllDirectories).Where(file => !file.Replace('\\', '/').Contains("/obj/"))];
        Assert.NotEmpty(files);
        return files;
    }

    private static string FindSource()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "src", "Backprop.Core")))
                return Path.Combine(folder.FullName, "src");
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has src/Backprop.Core.");
    }
}
