using System.Diagnostics;
using System.Globalization;

namespace Backprop.GpuCheck;

/// <summary>What a process does that another one of this program started.</summary>
internal static class ChildRoles
{
    /// <summary>The exit code of a process whose device is lost.</summary>
    public const int DeviceIsLost = 3;

    /// <summary>The beginnings of the roles.</summary>
    public const string Tests = "tests:", Figures = "figures:";

    /// <summary>Plays a role; returns the exit code.</summary>
    public static int Play(CheckOptions options, string role)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        return role.StartsWith(Tests, StringComparison.Ordinal) ? RunTests(options, role[Tests.Length..]) : TakeFigures(options, role[Figures.Length..]);
    }

    private static int RunTests(CheckOptions options, string name)
    {
        var clock = Stopwatch.StartNew();
        HashSet<string> done = [];
        while (Console.In.ReadLine() is { } line)
            done.Add(line);
        using var tests = TestGroup.Open(options, name);
        foreach ((string test, Func<string?> run) in tests.Tests)
        {
            if (done.Contains(test))
                continue;
            if (clock.Elapsed.TotalSeconds >= options.Seconds)
                break;
            Child.Say("begin", test);
            try
            {
                string? description = run();
                Child.Say("pass", test);
                if (description is not null)
                    Child.Say("kernel", test, description);
            }
            catch (Exception exception)
            {
                Child.Say("fail", test, exception is Xunit.Sdk.XunitException ? exception.Message : $"{exception.GetType().Name}: {exception.Message}\n{exception.StackTrace}");
                if (tests.IsLost())
                    return DeviceIsLost;
            }
        }

        return 0;
    }

    private static int TakeFigures(CheckOptions options, string group)
    {
        var run = new FigureRun(options);
        FigureRun.Groups[group](run);
        return 0;
    }
}
