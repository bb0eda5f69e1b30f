namespace Backprop.Training;

/// <summary>Measures by how much a step changes the weights: a copy before it, and the difference after it.</summary>
internal sealed class UpdateRatio
{
    private readonly ParameterCollection _parameters;
    private readonly float[]?[] _before;

    /// <summary>Copies the weights as they are now.</summary>
    public UpdateRatio(ParameterCollection parameters)
    {
        _parameters = parameters;
        _before = [.. parameters.Select(parameter => parameter.IsTrainable ? parameter.Value.ToArray() : null)];
    }

    /// <summary>By how much each trainable parameter has changed since.</summary>
    public Dictionary<Parameter, Change> Changes()
    {
        var changes = new Dictionary<Parameter, Change>();
        for (int i = 0; i < _before.Length; i++)
            if (_before[i] is { } before)
                changes[_parameters[i]] = Change.Between(before, _parameters[i].Value.ToArray());
        return changes;
    }

    /// <summary>Takes the step back.</summary>
    public void Restore()
    {
        for (int i = 0; i < _before.Length; i++)
            if (_before[i] is { } before)
                _parameters[i].Value.SetValues(before);
    }

    /// <summary>The sums of squares of the values and of their changes.</summary>
    internal readonly record struct Change(double Values, double Changes)
    {
        /// <summary>The norm of the change relative to that of the values; null where they are all 0.</summary>
        public double? Ratio => Values > 0 ? Math.Sqrt(Changes / Values) : null;

        public static Change Between(float[] before, float[] after)
        {
            double values = 0, changes = 0;
            for (int i = 0; i < before.Length; i++)
            {
                double change = (double)after[i] - before[i];
                values += (double)before[i] * before[i];
                changes += change * change;
            }

            return new Change(values, changes);
        }

        public static Change operator +(Change a, Change b) => new(a.Values + b.Values, a.Changes + b.Changes);
    }
}
