using System.Text.Json.Serialization;

namespace Backprop;

public sealed partial record EpochResult
{
    /// <summary>
    /// The mean, over the epoch's measured steps, of the norm of the mean loss's gradient, all parameters together, before
    /// clipping. With clipping by the Euclidean norm every step is measured, otherwise the first and
    /// every tenth. Null if there was none, since all rows had weight 0.
    /// </summary>
    public float? MeanGradientNorm { get; init; }

    /// <summary>The largest of these norms.</summary>
    public float? MaximumGradientNorm { get; init; }

    /// <summary>The report of the epoch's last step; null where none was asked for. Files do not hold it.</summary>
    [JsonIgnore]
    public GradientReport? GradientReport { get; init; }
}
