using System.Collections;

namespace Backprop;

/// <summary>The parameters of a network, in the order of its layers.</summary>
public sealed class ParameterCollection : IReadOnlyList<Parameter>
{
    private readonly Parameter[] _parameters;

    internal ParameterCollection(IEnumerable<Parameter> parameters) => _parameters = [.. parameters];

    /// <inheritdoc/>
    public int Count => _parameters.Length;

    /// <summary>The number of values that training changes.</summary>
    public long TrainableValueCount
    {
        get
        {
            long count = 0;
            foreach (Parameter parameter in AsSpan())
                count += parameter.IsTrainable ? parameter.Shape.Length : 0;
            return count;
        }
    }

    /// <inheritdoc/>
    public Parameter this[int index] => _parameters[index];

    /// <summary>The parameter of the given name.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message lists the names that exist.</exception>
    public Parameter this[string name] => Array.Find(_parameters, parameter => parameter.Name == name)
        ?? throw new KeyNotFoundException($"There is no parameter '{name}'. The network has: {string.Join(", ", _parameters.Select(parameter => parameter.Name))}.");

    /// <summary>Sets all gradients to zero. Backward adds to gradients, so call this once per step.</summary>
    public void ZeroGradients()
    {
        foreach (Parameter parameter in _parameters)
            parameter.ZeroGradient();
    }

    /// <summary>Gives the gradients' memory back, for a network that will predict from now on.</summary>
    internal void ReleaseGradients()
    {
        foreach (Parameter parameter in _parameters)
            parameter.ReleaseGradient();
    }

    /// <inheritdoc/>
    public IEnumerator<Parameter> GetEnumerator() => ((IEnumerable<Parameter>)_parameters).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal ReadOnlySpan<Parameter> AsSpan() => _parameters;
}
