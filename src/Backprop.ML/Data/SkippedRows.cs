using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>Counts the rows that were read and those left out, by what was missing in them.</summary>
internal sealed class SkippedRows
{
    /// <summary>All rows that were read.</summary>
    public long Read { get; set; }

    /// <summary>The rows left out for a missing or infinite feature.</summary>
    public long Features { get; set; }

    /// <summary>The rows left out for a missing label.</summary>
    public long Labels { get; set; }

    /// <summary>The rows left out for a weight that is not a positive number.</summary>
    public long Weights { get; set; }

    /// <summary>Warns once, in the words of the built-in trainers.</summary>
    public void Report(IChannel channel)
    {
        long skipped = Features + Labels + Weights;
        if (skipped > 0)
        {
            channel.Warning(MessageSensitivity.None,
                "Skipped {0} instances with missing features/label/weight during training: {1} with a missing or infinite feature, " +
                "{2} with a missing label, {3} with a weight that is not a positive number.",
                skipped, Features, Labels, Weights);
        }
    }

    /// <summary>Why no row is left.</summary>
    public string Reason(TrainingColumns columns, FeatureLayout layout) => Read == 0 ? "it has no rows"
        : $"all {Read} rows were left out, {Features} for a missing or infinite value in feature column {layout.Names}, " +
          $"{Labels} for a missing value in label column '{columns.Label}'" +
          (columns.Weight is null ? "" : $", {Weights} for a weight that is not a positive number in column '{columns.Weight}'");
}
