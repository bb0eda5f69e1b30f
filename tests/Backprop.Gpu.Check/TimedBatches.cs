using System.Diagnostics;
using Backprop.Benchmarks.Figures;
using Backprop.Devices.Gpu;

namespace Backprop.GpuCheck;

/// <summary>
/// The same mini-batch again and again, without the work of reading it, and the time from one to the next: a whole step, because
/// every step waits for its loss. Ends the run when it has seen enough.
/// </summary>
internal sealed class TimedBatches(Network network, int batch, GpuDevice device, CancellationTokenSource end, TimedBatches.Limits limits) : BatchSource
{
    private const long Steps = 1_000_000;
    private readonly List<double> _seconds = [];
    private long _last, _begin, _waitsAtBegin, _waits;
    private int _reads;

    /// <summary>How long steps are warmed up and measured.</summary>
    /// <param name="WarmUpSteps">At least so many before the first that counts.</param>
    /// <param name="WarmUpSeconds">And for so long.</param>
    /// <param name="FewestSteps">That count.</param>
    /// <param name="MostSteps">That count.</param>
    /// <param name="Seconds">For so long.</param>
    /// <param name="SecondsAtMost">With the warming up: then it ends with two that count.</param>
    internal sealed record Limits(int WarmUpSteps, double WarmUpSeconds, int FewestSteps, int MostSteps, double Seconds, double SecondsAtMost)
    {
        // The first steps with 16-bit floats are left out until the loss scale is low enough.
        public static Limits Usual { get; } = new(12, 0.7, 10, 500, 1.5, 15);

        public static Limits Quick { get; } = new(12, 0.3, 5, 200, 0.5, 6);

        public static Limits Tiny { get; } = new(1, 0, 2, 2, 0, 60);
    }

    /// <summary>Of each step that counts.</summary>
    public IReadOnlyList<double> Seconds => _seconds;

    /// <summary>How often the host waited for the device, in the mean of those steps.</summary>
    public double WaitsPerStep => (double)(_waits - _waitsAtBegin) / _seconds.Count;

    /// <summary>Of the first step, with the kernels compiled.</summary>
    public double FirstStep { get; private set; }

    /// <inheritdoc/>
    public override Shape RowShape => network.InputShape;

    /// <inheritdoc/>
    public override int TargetsPerRow => 1;

    /// <inheritdoc/>
    public override bool HasWeights => false;

    /// <inheritdoc/>
    public override long RowCount => Steps * batch;

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle)
    {
    }

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        long now = Stopwatch.GetTimestamp();
        if (_reads == 0)
        {
            FigureData.Values(features.Length, 10).CopyTo(features); // the loop keeps this room from batch to batch
            int[] labels = FigureData.Labels(batch, network.OutputShape.Length, 20);
            for (int i = 0; i < labels.Length; i++)
                targets[i] = labels[i];
            _begin = now = Stopwatch.GetTimestamp();
        }
        else
        {
            if (_reads == 1)
                FirstStep = Stopwatch.GetElapsedTime(_last, now).TotalSeconds;
            Note(Stopwatch.GetElapsedTime(_last, now).TotalSeconds, Stopwatch.GetElapsedTime(_begin, now).TotalSeconds);
        }

        _reads++;
        _last = now;
        return batch;
    }

    private void Note(double step, double sinceBegin)
    {
        bool isLate = sinceBegin >= limits.SecondsAtMost;
        if (_seconds.Count == 0 && !isLate && (_reads <= limits.WarmUpSteps || sinceBegin < limits.WarmUpSeconds))
        {
            _waitsAtBegin = device.Synchronizations;
            return;
        }

        _seconds.Add(step);
        _waits = device.Synchronizations;
        bool isEnough = _seconds.Count >= limits.MostSteps || (_seconds.Count >= limits.FewestSteps && _seconds.Sum() >= limits.Seconds) || (isLate && _seconds.Count >= 2);
        if (isEnough)
            end.Cancel();
    }
}
