using System.Diagnostics;
using Backprop;

namespace Samples.Shared;

/// <summary>
/// Shows how a training goes. On a terminal: a bar that moves within its line. Otherwise, in a file or a pipe: plain lines, one an
/// epoch, and in long epochs one every ten seconds. On both, the line of an epoch that is over stays.
/// </summary>
/// <remarks>
/// It is an IProgress of its own since .NET's Progress class, without a user interface, calls back on other threads in any order.
/// </remarks>
internal sealed class ConsoleProgress : IProgress<TrainingProgress>
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);

    private readonly bool _isLive = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
    private readonly Stopwatch _sinceLine = Stopwatch.StartNew();
    private int _liveLength;

    public void Report(TrainingProgress value)
    {
        if (_isLive)
        {
            WriteLive(value);
        }
        else if (value.IsEndOfEpoch || _sinceLine.Elapsed >= LineInterval)
        {
            Console.WriteLine($"{Epoch(value)}  batch {Batch(value)}  {Rest(value)}");
            _sinceLine.Restart();
        }
    }

    private void WriteLive(TrainingProgress value)
    {
        int width = WindowWidth() - 1; // a line that fills the window wraps, and then cannot be overwritten
        string line = value.IsEndOfEpoch ? $"{Epoch(value)}  {Rest(value)}" : Bar(value, width);

        // Spaces at the end wipe out what a longer line left there.
        Console.Write('\r' + line.PadRight(Math.Min(_liveLength, width)) + (value.IsEndOfEpoch ? Environment.NewLine : ""));
        _liveLength = value.IsEndOfEpoch ? 0 : line.Length;
    }

    /// <summary>The bar takes the room that the words leave.</summary>
    private static string Bar(TrainingProgress value, int width)
    {
        string left = $"{Epoch(value)} [", right = $"] {Batch(value)}  {Rest(value)}";
        int length = Math.Clamp(width - left.Length - right.Length, 4, 40);
        int done = (int)((long)length * value.Batch / value.BatchesPerEpoch);
        string line = left + new string('#', done).PadRight(length, '-') + right;
        return line.Length <= width ? line : line[..width];
    }

    private static string Epoch(TrainingProgress value) => $"epoch {value.Epoch,2}/{value.NumberOfEpochs}";

    private static string Batch(TrainingProgress value) => $"{value.Batch,3}/{value.BatchesPerEpoch}";

    private static string Rest(TrainingProgress value)
    {
        string validation = value.ValidationLoss is float loss ? $"  validation loss {loss:0.0000}" : "";
        return $"{value.RowsPerSecond,7:N0} images/s  {value.TimeLeft:m\\:ss} left  loss {value.TrainingLoss:0.0000}{validation}";
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
