using System.Reflection;
using Backprop.Devices.Gpu;
using Backprop.Memory;
using Backprop.Tests;

namespace Backprop.GpuCheck;

/// <summary>Tests that one process runs: those of a class of xUnit tests, or the driver's compiler on every kernel.</summary>
internal sealed class TestGroup : IDisposable
{
    /// <summary>The name of the group that has every kernel compiled by the driver.</summary>
    public const string Driver = "DriverCompilation";

    private readonly DriverCompilation? _driver;

    private TestGroup(IReadOnlyList<(string, Func<string?>)> tests, DriverCompilation? driver) => (Tests, _driver) = (tests, driver);

    /// <summary>The tests, which may return something worth knowing.</summary>
    public IReadOnlyList<(string Name, Func<string?> Run)> Tests { get; }

    /// <summary>The groups for a device.</summary>
    public static IEnumerable<string> Names(CheckOptions options)
    {
        if (!options.Simulated && GpuRuntime.Descriptions[options.Device].Kind == DeviceKind.Cuda)
            yield return Driver;
        foreach (Type type in typeof(GpuHarness).Assembly.GetTypes().Where(IsTestOfGpu).OrderBy(type => type.Name, StringComparer.Ordinal))
            yield return type.Name;
    }

    /// <summary>The names of the tests of a group, without running anything.</summary>
    public static IEnumerable<string> TestsOf(CheckOptions options, string group) => (group == Driver
        ? PtxTests.Kernels.Select(PtxTests.NameOf).Order(StringComparer.Ordinal).Select(name => $"{Driver}.{name}")
        : InClass(options, group).Select(test => test.Name)).Where(options.Wants);

    /// <summary>The group, ready to run.</summary>
    public static TestGroup Open(CheckOptions options, string group)
    {
        if (group != Driver)
            return new TestGroup([.. InClass(options, group).Where(test => options.Wants(test.Name))], null);
        var driver = new DriverCompilation(options.Device);
        return new TestGroup(
            [.. PtxTests.Kernels.Select(kernel => ($"{Driver}.{PtxTests.NameOf(kernel)}", (Func<string?>)(() => driver.Load(kernel)))).Where(test => options.Wants(test.Item1)).OrderBy(test => test.Item1, StringComparer.Ordinal)],
            driver);
    }

    /// <summary>Whether the device computes nothing any more.</summary>
    public bool IsLost()
    {
        if (_driver is not null)
            return _driver.IsLost;
        try
        {
            GpuDevice device = GpuHarness.Simulated;
            lock (device)
            {
                MemoryBlock block = device.Rent(1, ElementType.Float32);
                device.Fill(block, 2f, 1);
                var value = new float[1];
                device.Download(block, value);
                device.Return(block);
                return value[0] != 2f;
            }
        }
        catch (Exception)
        {
            return true; // whatever it says, the next test would say it too
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _driver?.Dispose();

    // SpecialValueTests asks all devices the same questions, the GPU among them.
    private static bool IsTestOfGpu(Type type) => (type.Name.StartsWith("Gpu", StringComparison.Ordinal) && type.Name.EndsWith("Tests", StringComparison.Ordinal)) || type == typeof(SpecialValueTests);

    private static IEnumerable<(string Name, Func<string?> Run)> InClass(CheckOptions options, string name)
    {
        Type type = typeof(GpuHarness).Assembly.GetTypes().Single(type => type.Name == name && IsTestOfGpu(type));
        Dictionary<string, int> seen = [];
        foreach (MethodInfo method in type.GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>().Any()))
        {
            IEnumerable<object?[]> rows = method.GetCustomAttribute<TheoryAttribute>() is null
                ? [[]]
                : method.GetCustomAttributes<Xunit.Sdk.DataAttribute>().SelectMany(data => data.GetData(method)!);
            foreach (object?[] row in options.Quick ? rows.Take(1) : rows)
            {
                string test = $"{name}.{method.Name}{(row.Length == 0 ? "" : $"({string.Join(", ", row)})")}";
                int count = seen[test] = seen.GetValueOrDefault(test) + 1;
                yield return (count == 1 ? test : $"{test} #{count}", () => Run(type, method, row));
            }
        }
    }

    private static string? Run(Type type, MethodInfo method, object?[] row)
    {
        object? instance = method.IsStatic ? null : Activator.CreateInstance(type);
        try
        {
            if (method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, row, null) is Task task)
                task.GetAwaiter().GetResult();
            return null;
        }
        finally
        {
            (instance as IDisposable)?.Dispose();
        }
    }
}
