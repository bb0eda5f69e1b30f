using System.Diagnostics;
using Backprop.Devices.Gpu;

namespace Backprop.GpuCheck;

/// <summary>The whole check: the list of devices, the tests, the figures, the report.</summary>
internal static class CheckRun
{
    private const int Passed = 0, Failed = 1, NoDevice = 2;

    /// <summary>Does what the options ask for; returns the exit code.</summary>
    public static int Run(CheckOptions options)
    {
        var clock = Stopwatch.StartNew();
        Console.WriteLine($"Devices of this machine ({Environment.ProcessorCount} processors, {System.Runtime.InteropServices.RuntimeInformation.OSDescription}, .NET {Environment.Version}):");
        IReadOnlyList<DeviceDescription> devices = BackpropDevices.List();
        foreach (DeviceDescription device in devices)
            Console.WriteLine($"  {device}");
        if (Describe(options, devices) is not { } description)
            return NoDevice;

        var report = new Report(description, options.Json);
        Console.WriteLine($"Checked here: {description}");
        Console.WriteLine();
        if (options.Suite)
            new SuiteRun(options, report, clock).Run();
        if (options.Bench)
            new BenchRun(options, report, clock).Run();
        report.Save();
        Console.WriteLine();
        Console.WriteLine($"{report.Passed} passed, {report.Failures.Count} failed, {report.NotRun.Count} not run, {report.Figures.Count} figures, {clock.Elapsed.TotalSeconds:0} s");
        return report.IsGood ? Passed : Failed;
    }

    // Starts the device once, so that what is wrong is said here and not by every test.
    private static string? Describe(CheckOptions options, IReadOnlyList<DeviceDescription> devices)
    {
        if (options.Simulated)
            return "GPU (simulated by the processor)";
        try
        {
            using GpuDevice device = GpuRuntime.Create(options.Device);
            return devices.Single(found => found.Kind != DeviceKind.Cpu && found.Index == options.Device).ToString();
        }
        catch (DeviceException exception)
        {
            Console.Error.WriteLine($"There is nothing to check: {exception.Message} With --simulated the processor plays a GPU.");
            return null;
        }
    }
}
