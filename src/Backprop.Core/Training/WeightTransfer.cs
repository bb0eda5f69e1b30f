namespace Backprop;

/// <summary>Takes weights over from another network, layer by layer.</summary>
public static class WeightTransfer
{
    /// <summary>
    /// Copies the parameters that both networks have by name, running statistics included: to begin the training of a network
    /// with what another has learned. With <see cref="ParameterGroup.IsFrozen"/> they stay as they are.
    /// </summary>
    /// <param name="network">Receives them.</param>
    /// <param name="source">Has them; it is not changed.</param>
    /// <param name="names">
    /// Names of layers or parameters, or patterns with * and ?, as <see cref="ParameterGroup"/> takes them: only these are copied.
    /// Without any, all that both networks have.
    /// </param>
    /// <returns>The names of the parameters that were copied.</returns>
    /// <exception cref="ArgumentException">The networks share no parameter, or a name matches none that they share.</exception>
    /// <exception cref="ShapeException">A parameter has another shape in the source; nothing was copied.</exception>
    public static IReadOnlyList<string> LoadWeights(this Network network, Network source, params string[] names)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(names);
        Dictionary<string, Parameter> sources = source.Parameters.ToDictionary(parameter => parameter.Name);
        Parameter[] shared = [.. network.Parameters.Where(parameter => sources.ContainsKey(parameter.Name))];
        foreach (string name in names)
            if (!shared.Any(parameter => new ParameterGroup(name).Matches(parameter.Name)))
                throw new ArgumentException($"No parameter that both networks have matches '{name}'. The network has: {List(network)}. The source has: {List(source)}.", nameof(names));
        Parameter[] taken = names.Length == 0 ? shared : [.. shared.Where(parameter => new ParameterGroup(names).Matches(parameter.Name))];
        if (taken.Length == 0)
            throw new ArgumentException($"The networks have no parameter of the same name. The network has: {List(network)}. The source has: {List(source)}. Give layers the same names.", nameof(source));
        foreach (Parameter parameter in taken)
            if (sources[parameter.Name].Shape is var shape && shape != parameter.Shape)
                throw new ShapeException($"The parameter '{parameter.Name}' has the shape {parameter.Shape}, but {shape} in the source. Name the layers to load weights for, without this one, or give it another name.");
        foreach (Parameter parameter in taken)
            parameter.Value.SetValues(sources[parameter.Name].Value.ToArray());
        return [.. taken.Select(parameter => parameter.Name)];

        static string List(Network of) => string.Join(", ", of.Parameters.Select(parameter => parameter.Name));
    }

    /// <summary>Copies what both networks have by name and shape, and leaves the rest.</summary>
    /// <exception cref="ArgumentException">There is nothing of the kind.</exception>
    internal static IReadOnlyList<string> LoadMatchingWeights(this Network network, Network source)
    {
        string[] names = [.. network.Parameters.Where(parameter => source.Parameters.Any(other => other.Name == parameter.Name && other.Shape == parameter.Shape)).Select(parameter => parameter.Name)];
        return network.LoadWeights(source, names);
    }

    /// <summary>The same network with parameters of its own, on a device.</summary>
    internal static Network Copy(this Network network, Device device)
    {
        var copy = new Network(network.Definition, network.InputShape, network.Seed, device);
        copy.TakeState(network);
        return copy;
    }

    /// <summary>Takes over everything that training changes from the same network on another device.</summary>
    /// <remarks>All or nothing: a device that is lost meanwhile leaves the network as it was.</remarks>
    internal static void TakeState(this Network network, Network source)
    {
        float[][] values = [.. source.Parameters.Select(parameter => parameter.Value.ToArray())];
        network.TrainingStep = source.TrainingStep;
        for (int i = 0; i < values.Length; i++)
            network.Parameters[i].Value.SetValues(values[i]);
    }
}
