using System.Globalization;

namespace Backprop.GpuCheck;

/// <summary>What the command line asks for.</summary>
internal sealed record CheckOptions
{
    /// <summary>The exit code for a command line that is not understood.</summary>
    public const int NotUnderstood = 64;

    private const string Usage = """
        Backprop.Gpu.Check [--device N] [--suite] [--bench] [--quick] [--simulated] [--only BEGINNING,...] [--seconds N] [--json FILE]

          --device N      the GPU with this number in the list that is printed first; default 0
          --suite         run the tests of the GPU on it      (without --suite and --bench: both)
          --bench         print figures
          --quick         one row of each theory; figures from fewer repetitions, steps with a batch of 128 alone
          --simulated     the accelerator that the processor plays, with tiny figures: to try this program
          --only B,...    only test classes, tests and figures whose names begin like this
          --seconds N     begin nothing after so long; what was not run counts as failed; default 3600
          --json FILE     write everything into a file, too

        Exit code: 0 everything passed, 1 something failed, 2 there is no such device or it cannot be used.
        """;

    /// <summary>The number of the GPU.</summary>
    public int Device { get; init; }

    /// <summary>Whether tests are run.</summary>
    public bool Suite { get; init; }

    /// <summary>Whether figures are taken.</summary>
    public bool Bench { get; init; }

    /// <summary>Whether less is done.</summary>
    public bool Quick { get; init; }

    /// <summary>Whether the processor plays the GPU.</summary>
    public bool Simulated { get; init; }

    /// <summary>Beginnings of names; none means all.</summary>
    public string[] Only { get; init; } = [];

    /// <summary>After so many seconds nothing is begun.</summary>
    public int Seconds { get; init; } = 3600;

    /// <summary>Where the report goes to.</summary>
    public string? Json { get; init; }

    /// <summary>What this process does for another one of this program.</summary>
    public string? Role { get; init; }

    /// <summary>Reads the command line; null, with a message, if it cannot be.</summary>
    public static CheckOptions? Parse(string[] arguments)
    {
        var options = new CheckOptions();
        for (int i = 0; i < arguments.Length; i++)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            CheckOptions? next = (arguments[i], value) switch
            {
                ("--suite", _) => options with { Suite = true },
                ("--bench", _) => options with { Bench = true },
                ("--quick", _) => options with { Quick = true },
                ("--simulated", _) => options with { Simulated = true },
                ("--device", { }) when Number(value) is { } number => options with { Device = number },
                ("--seconds", { }) when Number(value) is { } number => options with { Seconds = number },
                ("--only", { }) => options with { Only = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
                ("--json", { }) => options with { Json = value },
                ("--role", { }) => options with { Role = value },
                _ => null,
            };
            if (next is null)
            {
                Console.Error.WriteLine(arguments[i] is "--help" or "-h" ? Usage : $"Not understood: '{arguments[i]} {value}'.\n\n{Usage}");
                return null;
            }

            options = next;
            if (arguments[i] is "--device" or "--seconds" or "--only" or "--json" or "--role")
                i++;
        }

        return options.Suite || options.Bench ? options : options with { Suite = true, Bench = true };
    }

    /// <summary>The command line for another process of this program.</summary>
    public IEnumerable<string> For(string role)
    {
        yield return "--role";
        yield return role;
        yield return "--device";
        yield return Device.ToString(CultureInfo.InvariantCulture);
        yield return "--seconds";
        yield return Seconds.ToString(CultureInfo.InvariantCulture);
        if (Quick)
            yield return "--quick";
        if (Simulated)
            yield return "--simulated";
        if (Only.Length > 0)
        {
            yield return "--only";
            yield return string.Join(',', Only);
        }
    }

    /// <summary>The same with the time that is left.</summary>
    public CheckOptions After(TimeSpan elapsed) => this with { Seconds = Math.Max(0, Seconds - (int)elapsed.TotalSeconds) };

    /// <summary>Whether something of this name, or whose name begins with it, is wanted.</summary>
    public bool Wants(string name) => Only.Length == 0 || Array.Exists(Only, only =>
        name.StartsWith(only, StringComparison.Ordinal) || only.StartsWith(name, StringComparison.Ordinal));

    private static int? Number(string value) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
