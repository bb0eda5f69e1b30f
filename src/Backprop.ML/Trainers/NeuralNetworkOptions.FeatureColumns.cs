using Backprop.ML.Data;

namespace Backprop.ML;

public abstract partial class NeuralNetworkOptions
{
    /// <summary>
    /// The columns with the features, in place of <see cref="FeatureColumnName"/>: Single, Boolean and Key of UInt32, and vectors of
    /// known size of them. Numbers, and Booleans as 0 and 1, reach the network as they are; of keys, each becomes a row of a table that
    /// is learned with the rest (an embedding), which says more than one-hot vectors and costs less where there are many keys (an anomaly detector takes no keys). Default:
    /// null, the one vector of <see cref="FeatureColumnName"/>.
    /// </summary>
    /// <remarks>
    /// Keys are made by <c>Transforms.Conversion.MapValueToKey</c>, or <c>Hash</c> where the values are without number. A missing key, and
    /// one that is beyond those of training, has a row of the table for itself: a row of data is not left out for it. The keys of a
    /// vector have a table for each place.
    /// </remarks>
    public IReadOnlyList<string>? FeatureColumns { get; set; }

    /// <summary>
    /// How many values a key becomes, by the name of its column in <see cref="FeatureColumns"/>; at least 1. Default: null, and for columns that are not
    /// named: min(50, 1.6·n^0.56) of n keys, rounded (<see cref="EmbeddedColumn.DimensionFor"/>).
    /// </summary>
    public IReadOnlyDictionary<string, int>? EmbeddingDimensions { get; set; }

    /// <summary>The feature columns, however they were named.</summary>
    internal IReadOnlyList<string> AllFeatureColumns => FeatureColumns ?? [FeatureColumnName];

    private void CopyFeatureColumns(NeuralNetworkOptions copy)
    {
        copy.FeatureColumns = FeatureColumns is null ? null : [.. FeatureColumns];
        copy.EmbeddingDimensions = EmbeddingDimensions is null ? null : new Dictionary<string, int>(EmbeddingDimensions);
    }

    /// <summary>Throws if a feature column is also what is learned from, or has another part to play: the network would be told the answer.</summary>
    internal void CheckRoles(LabelKind label)
    {
        foreach ((string? name, string role) in new[] { (label == LabelKind.None ? null : LabelColumnName, "label"), (ExampleWeightColumnName, "weight"), (GroupColumnName, "group") })
        {
            if (name is not null && FeatureColumns?.Contains(name) == true)
                throw Rejected(nameof(FeatureColumns), $"a list with '{name}' in it, which is the {role} column", "a list of columns that are nothing but features: take it out, or name a copy of it (Transforms.CopyColumns) if it is to be both");
        }
    }

    private void CheckFeatureColumns()
    {
        if (FeatureColumns is null)
        {
            CheckName(FeatureColumnName, nameof(FeatureColumnName));
        }
        else
        {
            if (FeatureColumns.Count == 0)
                throw Rejected(nameof(FeatureColumns), "empty", $"a list of columns, or null for the one of {nameof(FeatureColumnName)}");
            foreach (string name in FeatureColumns)
                CheckName(name, nameof(FeatureColumns));
            if (FeatureColumns.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
                throw Rejected(nameof(FeatureColumns), $"a list with '{twice.Key}' {twice.Count()} times in it", "a list that names each column once");
        }
        foreach ((string name, int dimension) in EmbeddingDimensions ?? new Dictionary<string, int>())
        {
            if (dimension < 1)
                throw Rejected(nameof(EmbeddingDimensions), $"{dimension} for column '{name}'", "at least 1");
            if (FeatureColumns?.Contains(name) != true)
                throw Rejected(nameof(EmbeddingDimensions), $"set for column '{name}'", $"for columns of {nameof(FeatureColumns)} alone");
        }
    }
}
