using System.Diagnostics;
using Backprop;

namespace HandwrittenDigits;

/// <summary>
/// Shows how a training goes. On a terminal: a bar that moves within its line. Otherwise, in a file or a pipe: plain lines, one an
/// epoch, and in long epochs one every ten seconds. On both, the line of an epoch that is over stays.
/// </summary>
/// <remarks>
/// It is an IProgress of its own since .NET's Progress class, without a user interface, calls back on other threads in any order.
/// </remarks>
internal sealed class ConsoleProgress : IProgress<TrainingProgress>
{
    private const int BarLength = 24;
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);

    private readonly bool _isLive = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
    private readonly Stopwatch _sinceLine = Stopwatch.StartNew();
    private int _liveLength;

    public void Report(TrainingProgress value)
    {
        if (_isLive)
            WriteLive(value);
        else if (value.IsEndOfEpoch || _sinceLine.Elapsed >= LineInterval)
            WriteLine(Describe(value));
    }

    private void WriteLive(TrainingProgress value)
    {
        string line = Describe(value);
        if (!value.IsEndOfEpoch)
        {
            int done = BarLength * value.Batch / value.BatchesPerEpoch;
            line = $"[{new string('#', done)}{new string('-', BarLength - done)}] {line}";
        }

        // A line that wraps cannot be overwritten. Spaces at its end wipe out what a longer line left there.
        int width = WindowWidth() - 1;
        string text = line.Length <= width || value.IsEndOfEpoch ? line : line[..width];
        Console.Write('\r' + text.PadRight(Math.Min(_liveLength, width)) + (value.IsEndOfEpoch ? Environment.NewLine : ""));
        _liveLength = value.IsEndOfEpoch ? 0 : text.Length;
    }

    private void WriteLine(string line)
    {
        Console.WriteLine(line);
        _sinceLine.Restart();
    }

    private static string Describe(TrainingProgress value)
    {
        string epoch = $"epoch {value.Epoch,2}/{value.NumberOfEpochs}  batch {value.Batch,3}/{value.BatchesPerEpoch}";
        string validation = value.ValidationLoss is float loss ? $"  validation loss {loss:0.0000}" : "";
        return $"{epoch}  {value.RowsPerSecond,7:N0} images/s  {TimeLeft(value),5:m\\:ss} left  loss {value.TrainingLoss:0.0000}{validation}";
    }

    /// <summary>The time that the rest takes if it goes on like this.</summary>
    private static TimeSpan TimeLeft(TrainingProgress value)
    {
        double done = value.Epoch - 1 + (double)value.Batch / value.BatchesPerEpoch;
        return value.Elapsed * ((value.NumberOfEpochs - done) / done);
    }

    private static int WindowWidth()
    {
        const int Usual = 80;
        try
        {
            return Console.WindowWidth is int width and > 1 ? width : Usual; // some terminals say 0
        }
        catch (IOException)
        {
            return Usual;
        }
    }
}
