using System.Text.Encodings.Web;
using System.Text.Json;

namespace Backprop.GpuCheck;

/// <summary>A test that failed, and why.</summary>
internal sealed record Failure(string Name, string Message);

/// <summary>Everything that is found, and the file that holds it: after each part, so that a run that is ended leaves what it had.</summary>
internal sealed class Report(string device, string? path)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _gate = new();

    /// <summary>How many tests passed.</summary>
    public int Passed { get; private set; }

    /// <summary>Those that did not.</summary>
    public List<Failure> Failures { get; } = [];

    /// <summary>Those that were not begun, for want of time or because their process could not start.</summary>
    public List<string> NotRun { get; } = [];

    /// <summary>What was measured.</summary>
    public List<Figure> Figures { get; } = [];

    /// <summary>What the driver made of each kernel.</summary>
    public SortedDictionary<string, string> Kernels { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether nothing failed. A step that does not fit into the device's memory is no failure.</summary>
    public bool IsGood => Failures.Count == 0 && NotRun.Count == 0 && Figures.TrueForAll(figure => !figure.IsFailure);

    /// <summary>Notes a test that passed.</summary>
    public void Pass()
    {
        lock (_gate)
            Passed++;
    }

    /// <summary>Notes a test that failed, and prints it.</summary>
    public void Fail(string name, string message)
    {
        lock (_gate)
        {
            Failures.Add(new Failure(name, message));
            Console.WriteLine($"FAILED {name}\n    {message.Replace("\n", "\n    ", StringComparison.Ordinal)}");
        }
    }

    /// <summary>Notes a test that was not begun.</summary>
    public void Omit(string name)
    {
        lock (_gate)
            NotRun.Add(name);
    }

    /// <summary>Notes what is known of a kernel.</summary>
    public void Describe(string kernel, string description)
    {
        lock (_gate)
            Kernels[kernel] = description;
    }

    /// <summary>Notes a figure, and prints it.</summary>
    public void Add(Figure figure)
    {
        lock (_gate)
        {
            Figures.Add(figure);
            Console.WriteLine(figure);
        }
    }

    /// <summary>Prints a line.</summary>
    public void Say(string line)
    {
        lock (_gate)
            Console.WriteLine(line);
    }

    /// <summary>Writes the file, if one was asked for.</summary>
    public void Save()
    {
        if (path is null)
            return;
        lock (_gate)
        {
            File.WriteAllText(path, JsonSerializer.Serialize(
                new { device, passed = Passed, failures = Failures, notRun = NotRun, figures = Figures.ToDictionary(figure => figure.Name), kernels = Kernels }, Options));
        }
    }
}
