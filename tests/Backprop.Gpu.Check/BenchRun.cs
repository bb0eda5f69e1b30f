using System.Diagnostics;

namespace Backprop.GpuCheck;

/// <summary>The figures, a process for each group of them, one after the other.</summary>
internal sealed class BenchRun(CheckOptions options, Report report, Stopwatch clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Takes them all.</summary>
    public void Run()
    {
        foreach (string group in FigureRun.Groups.Keys.Where(options.Wants))
        {
            if (clock.Elapsed.TotalSeconds >= options.Seconds)
            {
                report.Add(new Figure(group, null, "") { Note = "not begun: no time left", IsFailure = true });
                continue;
            }

            (int? exitCode, string errors) = Child.Run(options.After(clock.Elapsed), ChildRoles.Figures + group, [], Patience, (word, rest) =>
            {
                if (word == "figure")
                    report.Add(Figure.FromJson(rest[0]));
            });
            if (exitCode != 0)
                report.Add(new Figure(group, null, "") { Note = exitCode is null ? "said nothing for too long and was ended" : $"ended with code {exitCode}: {errors}", IsFailure = true });
            report.Save();
        }
    }
}
