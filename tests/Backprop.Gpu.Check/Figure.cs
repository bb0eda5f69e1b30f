using System.Globalization;
using System.Text.Json;

namespace Backprop.GpuCheck;

/// <summary>Something that was measured.</summary>
/// <param name="Name">Its name, the same in every version and in torch_steps.py.</param>
/// <param name="Value">The value; null if there is none, and then the note says why.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record Figure(string Name, double? Value, string Unit)
{
    /// <summary>What else belongs to it.</summary>
    public Dictionary<string, double> Details { get; init; } = [];

    /// <summary>Why there is no value.</summary>
    public string? Note { get; init; }

    /// <summary>Whether that is an error.</summary>
    public bool IsFailure { get; init; }

    /// <summary>For another process of this program.</summary>
    public string ToJson() => JsonSerializer.Serialize(this);

    /// <summary>From one.</summary>
    public static Figure FromJson(string json) => JsonSerializer.Deserialize<Figure>(json)!;

    /// <summary>One line, with tabs.</summary>
    public override string ToString() => string.Join('\t',
    [
        Name, Value is { } value ? Text(value) : IsFailure ? "failed" : "none", Unit,
        .. Details.Select(detail => $"{detail.Key}={Text(detail.Value)}"),
        .. Note is null ? Array.Empty<string>() : [Note],
    ]);

    private static string Text(double value) => value.ToString(Math.Abs(value) >= 1e5 ? "0" : "0.####", CultureInfo.InvariantCulture) is var text && Math.Abs(value) is > 0 and < 0.01
        ? value.ToString("g3", CultureInfo.InvariantCulture)
        : text;
}
