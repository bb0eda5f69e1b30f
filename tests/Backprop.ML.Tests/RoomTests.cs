using System.Reflection;

namespace Backprop.ML.Tests;

/// <summary>A room of the assembly knows only the rooms below it.</summary>
public sealed class RoomTests
{
    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Theory]
    [InlineData("Backprop.ML.Data", "")]
    [InlineData("Backprop.ML.Scoring", "Backprop.ML.Data")]
    [InlineData("Backprop.ML.Persistence", "Backprop.ML.Data")]
    public void A_room_knows_only_what_stands_below_it(string room, string below)
    {
        Assembly assembly = typeof(NeuralNetworkTransformer).Assembly;
        Type[] types = [.. assembly.GetTypes().Where(type => type.Namespace == room)];
        Assert.NotEmpty(types);
        string[] strangers = [.. types.SelectMany(type => UsedBy(type).Select(used => (type, used)))
            .Where(pair => pair.used.Assembly == assembly && pair.used.Namespace is { } space && space.StartsWith("Backprop.ML", StringComparison.Ordinal)
                && space != room && space != below)
            .Select(pair => $"{pair.type} uses {pair.used}")];
        Assert.Empty(strangers);
    }

    [Fact]
    public void The_public_types_stand_in_two_namespaces()
    {
        Type[] exported = typeof(NeuralNetworkTransformer).Assembly.GetExportedTypes();
        Assert.All(exported, type => Assert.Contains(type.Namespace, new[] { "Backprop.ML", "Microsoft.ML" }));
        Assert.Equal([typeof(Microsoft.ML.NeuralNetworkExtensions)], exported.Where(type => type.Namespace == "Microsoft.ML"));
    }

    // What its fields, signatures and local variables name.
    private static IEnumerable<Type> UsedBy(Type type)
    {
        IEnumerable<MethodBase> methods = type.GetMethods(Everything).Cast<MethodBase>().Concat(type.GetConstructors(Everything));
        IEnumerable<Type?> used = type.GetFields(Everything).Select(field => field.FieldType).Append(type.BaseType!)
            .Concat(type.GetInterfaces())
            .Concat(methods.SelectMany(method => method.GetParameters().Select(parameter => parameter.ParameterType)))
            .Concat(methods.OfType<MethodInfo>().Select(method => method.ReturnType))
            .Concat(methods.SelectMany(method => method.GetMethodBody()?.LocalVariables.Select(variable => variable.LocalType) ?? []));
        return used.OfType<Type>().SelectMany(Unwrap);
    }

    private static IEnumerable<Type> Unwrap(Type type) => type.HasElementType
        ? Unwrap(type.GetElementType()!)
        : type.IsGenericType ? type.GetGenericArguments().SelectMany(Unwrap).Append(type) : [type];
}
