namespace Backprop.ML.Data;

/// <summary>How much memory data may take, and how they pass by if they need more.</summary>
/// <param name="Budget">The memory, in bytes.</param>
/// <param name="ShuffleBufferRows">The rows that are shuffled together; null to choose.</param>
internal sealed record MemoryPlan(long Budget, int? ShuffleBufferRows)
{
    /// <summary>The rows that are shuffled together unless the options say otherwise.</summary>
    public const int DefaultShuffleBufferRows = 1 << 16;

    /// <summary>Half of what the process may use, a container's limit included.</summary>
    public static long DefaultBudget => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
}
