using System.Diagnostics;

namespace Backprop.GpuCheck;

/// <summary>The tests, a process for each class of them.</summary>
internal sealed class SuiteRun(CheckOptions options, Report report, Stopwatch clock)
{
    private const int MostProcesses = 8; // each has a context of its own on the device, some hundred megabytes
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2), PatienceWithSimulation = TimeSpan.FromMinutes(15);

    /// <summary>Runs them all.</summary>
    public void Run()
    {
        int processes = Math.Clamp(Environment.ProcessorCount / 2, 1, MostProcesses);
        Parallel.ForEach(TestGroup.Names(options).ToList(), new ParallelOptions { MaxDegreeOfParallelism = processes }, Run);
        report.Save();
    }

    private bool IsTimeUp => clock.Elapsed.TotalSeconds >= options.Seconds;

    private void Run(string group)
    {
        List<string> left = [.. TestGroup.TestsOf(options, group)];
        if (left.Count == 0)
            return;
        List<string> done = [];
        int passed = 0, failed = 0;
        var time = Stopwatch.StartNew();
        while (left.Count > 0 && !IsTimeUp)
        {
            string? running = null;
            int before = done.Count;
            (int? exitCode, string errors) = Child.Run(options.After(clock.Elapsed), ChildRoles.Tests + group, done, options.Simulated ? PatienceWithSimulation : Patience, Hear);
            if (running is not null)
                Finish(running, exitCode is null ? "It did not end, and its process was ended." : $"Its process ended with code {exitCode}.\n{errors}");
            else if (exitCode is null)
                report.Say($"{group}: the process did not end when its tests had.");
            if (done.Count == before) // it does not even begin, or has no time
            {
                if (left.Count > 0 && !IsTimeUp)
                    Finish(left[0], $"The process ended with code {exitCode} before its first test.\n{errors}");
                break;
            }

            void Hear(string word, string[] rest)
            {
                switch (word)
                {
                    case "begin":
                        running = rest[0];
                        break;
                    case "pass":
                        Finish(rest[0], null);
                        running = null;
                        break;
                    case "fail":
                        Finish(rest[0], rest[1]);
                        running = null;
                        break;
                    case "kernel":
                        report.Describe(rest[0][(TestGroup.Driver.Length + 1)..], rest[1]);
                        break;
                }
            }
        }

        foreach (string test in left)
            report.Omit(test);
        report.Say($"{group}: {passed} passed, {failed} failed{(left.Count == 0 ? "" : $", {left.Count} not run")}, {time.Elapsed.TotalSeconds:0.0} s");

        void Finish(string test, string? message)
        {
            left.Remove(test);
            done.Add(test);
            if (message is null)
            {
                passed++;
                report.Pass();
            }
            else
            {
                failed++;
                report.Fail(test, message);
            }
        }
    }
}
