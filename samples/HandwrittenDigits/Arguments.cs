using System.Globalization;

namespace HandwrittenDigits;

/// <summary>What was asked for on the command line.</summary>
internal sealed record Arguments
{
    public const string Help = """
        Learns to read handwritten digits.

        HandwrittenDigits [options]           trains a network, tests it, saves it, and shows what it can do
        HandwrittenDigits --predict MODEL     loads a saved network and reads a few test digits with it

          --network KIND  dense: two dense layers, or conv: a convolutional network, slower and better (default dense)
          --epochs N      passes over the 60,000 training images (default 12, with conv 8)
          --seed N        fixes all chance: the same seed gives the same network (default 1)
          --output DIR    where digits.zip and digits.png are written (default: the current directory)
          --curves FILE   where to draw the course of the training, a PNG (default: nowhere)
          --data DIR      where the four MNIST files are (default: those that come with this program)
          --help          prints this text
        """;

    public bool IsConvolutional { get; private init; }

    /// <summary>Passes over the training images; null for the network's own number.</summary>
    public int? Epochs { get; private init; }

    public int Seed { get; private init; } = 1;

    public string OutputDirectory { get; private init; } = ".";

    /// <summary>The PNG file for the curves of the training; null for none.</summary>
    public string? Curves { get; private init; }

    public string DataDirectory { get; private init; } = Path.Combine(AppContext.BaseDirectory, "data");

    /// <summary>The model file to predict with; null to train one.</summary>
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
                "--network" => result with { IsConvolutional = Choice(args[i], Value(), "dense", "conv") == "conv" },
                "--epochs" => result with { Epochs = Number(args[i], Value(), least: 1) },
                "--seed" => result with { Seed = Number(args[i], Value(), least: 0) },
                "--output" => result with { OutputDirectory = Value() },
                "--curves" => result with { Curves = Value() },
                "--data" => result with { DataDirectory = Value() },
                "--predict" => result with { Model = Value() },
                "--help" or "-h" => result with { IsHelp = true },
                _ => throw new ArgumentException($"Unknown argument '{args[i]}'."),
            };
        }
        return result;
    }

    private static string Choice(string option, string text, params string[] allowed) =>
        allowed.Contains(text) ? text : throw new ArgumentException($"{option} is one of {string.Join(", ", allowed)}, but found '{text}'.");

    private static int Number(string option, string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            ? number
            : throw new ArgumentException($"{option} takes a whole number, at least {least}, but found '{text}'.");
}
