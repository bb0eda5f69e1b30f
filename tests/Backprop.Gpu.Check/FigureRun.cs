using System.Diagnostics;
using Backprop.Benchmarks.Figures;
using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Memory;

namespace Backprop.GpuCheck;

/// <summary>A device to take figures on, and how they are taken.</summary>
internal sealed class FigureRun(CheckOptions options)
{
    private static readonly TimeSpan Repetition = TimeSpan.FromMilliseconds(50);

    /// <summary>The groups of figures; each figure's name begins with that of its group.</summary>
    public static IReadOnlyDictionary<string, Action<FigureRun>> Groups { get; } = new Dictionary<string, Action<FigureRun>>
    {
        ["launch"] = LinkFigures.Launches,
        ["copy"] = LinkFigures.Copies,
        ["matmul"] = ProductFigures.Products,
        ["convolution"] = ProductFigures.Convolutions,
        ["pass"] = PassFigures.Take,
        ["step.mlp"] = StepFigures.Mlp,
        ["step.lenet"] = StepFigures.LeNet,
        ["step.cnn224"] = StepFigures.Cnn224,
        ["step.resnet14"] = StepFigures.ResNet14,
    };

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private GpuDevice? _device;

    /// <summary>What the command line asks for.</summary>
    public CheckOptions Options { get; } = options;

    /// <summary>Whether sizes are such that the processor can play the device.</summary>
    public bool IsTiny => Options.Simulated;

    /// <summary>What the device could do at best, if that is known.</summary>
    public DevicePeak? Peak { get; } = options.Simulated ? null : DevicePeak.Of(GpuRuntime.Descriptions[options.Device].Name);

    /// <summary>The device; a new one if it was lost.</summary>
    public GpuDevice Device => _device is { IsGivenUp: false } ? _device : _device = NewDevice();

    /// <summary>A device with a pool of its own.</summary>
    public GpuDevice NewDevice() => Options.Simulated ? new GpuDevice(GpuAccelerator.Simulated()) : GpuRuntime.Create(Options.Device);

    /// <summary>A block of values in [−1, 1).</summary>
    public MemoryBlock Block(int length, int seed)
    {
        MemoryBlock block = Device.Rent(length, ElementType.Float32);
        Device.Upload(FigureData.Values(length, seed), block);
        return block;
    }

    /// <summary>Sends a figure to the process that started this one.</summary>
    public static void Print(Figure figure) => Child.Say("figure", figure.ToJson());

    /// <summary>Takes a figure, and says so if that fails.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="take">Takes it.</param>
    public void Take(string name, Func<Figure> take)
    {
        if (!Options.Wants(name))
            return;
        if (_clock.Elapsed.TotalSeconds >= Options.Seconds)
        {
            Print(new Figure(name, null, "") { Note = "not begun: no time left", IsFailure = true });
            return;
        }

        try
        {
            Print(take());
        }
        catch (InsufficientMemoryException exception)
        {
            Print(new Figure(name, null, "") { Note = $"does not fit: {exception.Message}" });
        }
        catch (Exception exception)
        {
            Print(new Figure(name, null, "") { Note = $"{exception.GetType().Name}: {exception.Message}", IsFailure = true });
            if (_device?.Explain(exception) is not null)
                _device = null; // nothing more to be had from this one
        }

        // What a network held comes back only when the collector has found it.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        if (_device is { IsGivenUp: false })
            _device.ReleaseIdleMemory();
    }

    /// <summary>Operations a second.</summary>
    public void Rate(string name, double operations, double? peakTera, Action launch) => Take(name, () =>
    {
        double seconds = SecondsPerCall(launch);
        double rate = operations / seconds / 1e12;
        return new Figure(name, rate, "TFLOP/s") { Details = Details(seconds, rate, peakTera) };
    });

    /// <summary>Bytes a second that must at least be read and written.</summary>
    public void Bandwidth(string name, double bytes, Action launch) => Take(name, () =>
    {
        double seconds = SecondsPerCall(launch);
        double rate = bytes / seconds / 1e9;
        return new Figure(name, rate, "GB/s") { Details = Details(seconds, rate, Peak?.GigabytesPerSecond) };
    });

    /// <summary>The median of some repetitions of as many calls as take a while, each with one wait at its end.</summary>
    public double SecondsPerCall(Action launch)
    {
        launch();
        Wait(); // compiled now
        double once = Seconds(launch, 1);
        if (IsTiny)
            return once;
        int calls = (int)Math.Clamp(Repetition.TotalSeconds / once, 1, 2000);
        Seconds(launch, calls);
        double[] seconds = [.. Enumerable.Range(0, Options.Quick ? 3 : 7).Select(_ => Seconds(launch, calls))];
        Array.Sort(seconds);
        return seconds[seconds.Length / 2];
    }

    /// <summary>Waits until the device has done everything.</summary>
    public void Wait()
    {
        MemoryBlock block = Device.Rent(1, ElementType.Float32);
        Span<float> value = stackalloc float[1];
        Device.Download(block, value);
        Device.Return(block);
    }

    private static Dictionary<string, double> Details(double seconds, double rate, double? peak)
    {
        Dictionary<string, double> details = new() { ["ms"] = seconds * 1e3 };
        if (peak is { } most)
            details["share_of_peak"] = rate / most;
        return details;
    }

    private double Seconds(Action launch, int calls)
    {
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++)
            launch();
        Wait();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds / calls;
    }
}
