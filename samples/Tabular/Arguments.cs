using System.Globalization;

namespace Tabular;

/// <summary>What was asked for on the command line.</summary>
internal sealed record Arguments
{
    public const string Help = """
        Learns from tables, with a neural network and with ML.NET's boosted trees.

        Tabular [options]           adult (categories, missing values) and california-housing, both trainers side by side
        Tabular --table [options]   the default trainer on twelve sets, beside scikit-learn's MLP, as a table in Markdown

          --sets A,B,...  only these sets
          --seed N        fixes all chance (default 1)
          --seeds N       with --table: the median of N seeds is given (default 3)
          --output FILE   with --table: where the table is written (default: it is only printed)
          --data DIR      where the tables are (default: those that come with this program)
          --help          prints this text
        """;

    public bool IsTable { get; private init; }

    public IReadOnlyList<TableSet>? Sets { get; private init; }

    public int Seed { get; private init; } = 1;

    public int Seeds { get; private init; } = 3;

    public string? Output { get; private init; }

    public string DataDirectory { get; private init; } = Path.Combine(AppContext.BaseDirectory, "data");

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
                "--table" => result with { IsTable = true },
                "--sets" => result with { Sets = [.. Value().Split(',').Select(TableSet.Named)] },
                "--seed" => result with { Seed = Number(args[i], Value(), least: 0) },
                "--seeds" => result with { Seeds = Number(args[i], Value(), least: 1) },
                "--output" => result with { Output = Value() },
                "--data" => result with { DataDirectory = Value() },
                "--help" or "-h" => result with { IsHelp = true },
                _ => throw new ArgumentException($"Unknown argument '{args[i]}'."),
            };
        }

        return result;
    }

    private static int Number(string option, string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            ? number
            : throw new ArgumentException($"{option} takes a whole number, at least {least}, but found '{text}'.");
}
