using Backprop.Devices;

namespace Backprop.Layers;

/// <summary>Makes the parameters of a network that is being built, and sees that they do not exceed what is allowed.</summary>
/// <param name="device">Where they live.</param>
/// <param name="seed">Fixes the initial weights.</param>
/// <param name="maximumValues">How many values all of them may have together: for a model file, as many as it holds.</param>
/// <param name="draw">Whether initial values are drawn; a network that is read from a file gets its own.</param>
internal sealed class ParameterFactory(Device device, int seed, long maximumValues = ParameterFactory.MaximumValues, bool draw = true)
{
    /// <summary>The most values a network has, so that its file stays within what one array of bytes can hold.</summary>
    public const long MaximumValues = (int.MaxValue - (4L << 20)) / sizeof(float);

    private long _values;
    private int _streams;

    /// <summary>A number for each layer, in the order of their definitions, those in blocks behind the block's own.</summary>
    public int NextStream() => _streams++;

    public Parameter Weight(string name, Shape shape, Initializer initializer, int fanIn, int fanOut, int stream)
    {
        Parameter parameter = Create(name, ParameterKind.Weight, shape);
        if (draw)
        {
            var values = new float[shape.Length];
            initializer.Draw(values, fanIn, fanOut, new RandomKey((ulong)(uint)seed, (uint)stream, 0));
            parameter.Value.SetValues(values);
        }

        return parameter;
    }

    /// <summary>Tables of embeddings, one after the other, each drawn by itself with its dimension as fan-in.</summary>
    /// <param name="name">The name.</param>
    /// <param name="shape">The shape of all of them together.</param>
    /// <param name="layout">Where they stand.</param>
    /// <param name="initializer">How the rows are drawn.</param>
    /// <param name="zeroRow">A row of each table that begins at zero, if there is one.</param>
    /// <param name="stream">Names the random numbers.</param>
    public Parameter Embedding(string name, Shape shape, in EmbeddingLayout layout, Initializer initializer, int? zeroRow, int stream)
    {
        Parameter parameter = Create(name, ParameterKind.Embedding, shape);
        if (draw)
        {
            var values = new float[shape.Length];
            for (int f = 0; f < layout.Count; f++)
            {
                if (layout[f] is not { IsKey: true } field)
                    continue;
                Span<float> table = values.AsSpan(field.TableStart, field.TableRows * field.Width);
                initializer.Draw(table, field.Width, field.Width, new RandomKey((ulong)(uint)seed, (uint)stream, (ulong)f));
                if (zeroRow is { } row)
                    table.Slice(row * field.Width, field.Width).Clear();
            }

            parameter.Value.SetValues(values);
        }

        return parameter;
    }

    public Parameter Constant(string name, ParameterKind kind, Shape shape, float value)
    {
        Parameter parameter = Create(name, kind, shape);
        device.Fill(parameter.Storage.Values, value, shape.Length);
        return parameter;
    }

    private Parameter Create(string name, ParameterKind kind, Shape shape)
    {
        _values += shape.Length;
        if (_values > maximumValues)
            throw new ShapeException($"With '{name}' of shape {shape} the layers have {_values} parameter values; at most {maximumValues} are possible here.");
        return new Parameter(name, kind, shape, device);
    }
}
