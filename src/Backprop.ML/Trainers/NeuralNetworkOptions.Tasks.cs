namespace Backprop.ML;

public abstract partial class NeuralNetworkOptions
{
    /// <summary>The column with the groups of the rows, where the task knows groups.</summary>
    internal virtual string? GroupColumnName => null;
}
