using System.Reflection;
using System.Reflection.Metadata;
using Backprop.Tests;

namespace Backprop.ML.Tests;

/// <summary>A room (folder of the source tree) of the assembly knows only the rooms below it.</summary>
public sealed class RoomTests
{
    private static readonly Assembly Assembly = typeof(NeuralNetworkTransformer).Assembly;

    /// <summary>From the foundation up. Rooms of one height do not know each other.</summary>
    private static readonly Dictionary<string, int> Height = new()
    {
        ["Data"] = 0,
        ["Persistence"] = 1,
        ["Scoring"] = 1,
        ["Transformers"] = 2,
        ["Trainers"] = 3,
        ["Catalog"] = 4,
    };

    [Fact]
    public void A_room_knows_only_what_stands_below_it() =>
        Assert.DoesNotContain(Arrows(), arrow => arrow.Room != arrow.OtherRoom && Height[arrow.OtherRoom] >= Height[arrow.Room]);

    [Fact]
    public void The_arrows_that_are_there_are_seen()
    {
        // A reader of metadata that sees nothing would pass the test above.
        HashSet<(string, string)> rooms = [.. Arrows().Select(arrow => (arrow.Room, arrow.OtherRoom))];
        Assert.Subset(rooms, new HashSet<(string, string)>
        {
            ("Catalog", "Trainers"), ("Trainers", "Transformers"), ("Trainers", "Data"), ("Transformers", "Scoring"), ("Transformers", "Persistence"), ("Persistence", "Data"),
        });
    }

    [Fact]
    public void Every_type_stands_in_a_room_of_the_plan()
    {
        using var map = new RoomMap(Assembly, "Backprop.ML");
        Assert.Equal(Height.Keys.Order(), map.Rooms.Values.OfType<string>().Distinct().Order());
    }

    [Fact]
    public void The_public_types_stand_in_two_namespaces()
    {
        Type[] exported = Assembly.GetExportedTypes();
        Assert.All(exported, type => Assert.Contains(type.Namespace, new[] { "Backprop.ML", "Microsoft.ML" }));
        Assert.Equal([typeof(Microsoft.ML.NeuralNetworkExtensions)], exported.Where(type => type.Namespace == "Microsoft.ML"));
    }

    private static List<(string Room, string Type, string OtherRoom, string OtherType)> Arrows()
    {
        using var map = new RoomMap(Assembly, "Backprop.ML");
        var references = new TypeReferences(map);
        return [.. map.Rooms.Where(pair => pair.Value is not null).SelectMany(pair => references.Of(pair.Key)
            .Where(other => map.Rooms[other] is not null)
            .Select(other => (pair.Value!, map.NameOf(pair.Key), map.Rooms[other]!, map.NameOf(other))))];
    }
}
