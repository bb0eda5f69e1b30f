using System.Globalization;

namespace WebServiceLoad;

/// <summary>What was asked for on the command line.</summary>
internal sealed record Arguments
{
    public const string Help = """
        Starts samples/WebService on a free port of 127.0.0.1 and loads it.

        WebServiceLoad [options]                 a table: every form of request, as fast as it goes and at half of that
        WebServiceLoad --soak SECONDS [options]  one form at half of what goes, or at --rate, for so long

          --seconds N      length of each run of the table (default 5)
          --connections N  connections at once, 1 to 256 (default 16)
          --form FORM      of the soak: json (numbers), base64 (in JSON) or bytes (default json)
          --batch N        of the soak: images a request, 1 to 256 (default 1)
          --rate N         of the soak: requests a second (default: half of what was reached in ten seconds)
          --model FILE     the model to serve (default: one is trained)
        """;

    public int Seconds { get; private init; } = 5;

    public int Connections { get; private init; } = 16;

    public int? SoakSeconds { get; private init; }

    public Form Form { get; private init; }

    public int Batch { get; private init; } = 1;

    public double? Rate { get; private init; }

    public string? Model { get; private init; }

    public bool IsHelp { get; private init; }

    /// <exception cref="ArgumentException">An argument is unknown, or its value is missing or not allowed.</exception>
    public static Arguments Parse(string[] args)
    {
        var result = new Arguments();
        for (int i = 0; i < args.Length; i++)
        {
            string Value() => i + 1 < args.Length ? args[++i] : throw new ArgumentException($"{args[i]} needs a value after it.");
            result = args[i] switch
            {
                "--seconds" => result with { Seconds = Number(args[i], Value(), 1, 600) },
                "--connections" => result with { Connections = Number(args[i], Value(), 1, 256) },
                "--soak" => result with { SoakSeconds = Number(args[i], Value(), 1, 3600) },
                "--form" => result with { Form = Enum.TryParse(Value(), ignoreCase: true, out Form form) ? form : throw new ArgumentException("--form is one of json, base64, bytes.") },
                "--batch" => result with { Batch = Number(args[i], Value(), 1, 256) },
                "--rate" => result with { Rate = Number(args[i], Value(), 1, 1_000_000) },
                "--model" => result with { Model = Value() },
                "--help" or "-h" => result with { IsHelp = true },
                _ => throw new ArgumentException($"Unknown argument '{args[i]}'."),
            };
        }
        return result;
    }

    private static int Number(string option, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw new ArgumentException($"{option} takes a whole number from {least} to {most}, but found '{text}'.");
}
