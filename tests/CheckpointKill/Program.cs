using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Backprop;

// Trains with a checkpoint after every step, to be killed while it writes; see ../kill-during-checkpoint.sh.
//
//   CheckpointKill PATH    resumes from PATH and trains to the end
//   CheckpointKill none    trains to the end without checkpoints
//   CheckpointKill time    writes checkpoints of 10 M parameters with Adam's state and prints how long that takes
//
// Lines: "resumed STEP" once, if there was a checkpoint; "saved STEP" after each checkpoint; "weights SHA256" at the end.
const int Steps = 4000, Width = 500;
if (args[0] == "time")
    return TimeOf10MParameters(args.Length > 1 ? args[1] : Path.GetTempPath());

Network network = Network.Build(net => net.Dense(Width).Relu().Dropout(0.2f).Dense(Width).Relu().Dense(2), [20], seed: 1);
float[] features = [.. Enumerable.Range(0, 64 * 20).Select(i => MathF.Sin(i * i))], labels = [.. Enumerable.Range(0, 64).Select(i => (float)(i % 2))];
var options = new TrainingOptions
{
    NumberOfEpochs = Steps / 8,
    BatchSize = 8,
    CheckpointPath = args[0] == "none" ? null : args[0],
    CheckpointEverySteps = args[0] == "none" ? null : 1,
    ResumeFromCheckpoint = args[0] != "none",
    Progress = new Resumed(),
};
new TrainingLoop(network, Loss.CrossEntropy, options).Run(new Source(features, labels, args[0] != "none"));
using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
foreach (Parameter parameter in network.Parameters)
    hash.AppendData(MemoryMarshal.AsBytes(parameter.Value.ToArray().AsSpan()));
Console.WriteLine($"weights {Convert.ToHexString(hash.GetHashAndReset())}");
return 0;

static int TimeOf10MParameters(string folder)
{
    string path = Path.Combine(folder, "time.ckpt");
    Network network = Network.Build(net => net.Dense(2048).Relu().Dense(2048).Relu().Dense(1750).Relu().Dense(1000), [1000], seed: 1);
    Console.WriteLine($"{network.Parameters.TrainableValueCount:N0} parameters");
    foreach (bool bestApart in (bool[])[false, true])
    {
        var times = new List<double>();
        var options = new TrainingOptions
        {
            NumberOfEpochs = 1,
            BatchSize = 1,
            CheckpointPath = path,
            CheckpointEverySteps = 1,
            // At the end of an epoch without early stopping the best weights are the network's own and need not be written twice.
            EarlyStopping = bestApart ? new EarlyStopping() : null,
        };
        new TrainingLoop(network, Loss.CrossEntropy, options).Run(new Timed(times));
        times.RemoveRange(0, 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step and checkpoint, {new FileInfo(path).Length / 1e6:0} MB: median {times.Order().ElementAt(times.Count / 2):0.000} s, from {times.Min():0.000} to {times.Max():0.000}"));
        var options2 = new TrainingOptions { NumberOfEpochs = 1, BatchSize = 1 };
        times.Clear();
        new TrainingLoop(network, Loss.CrossEntropy, options2).Run(new Timed(times));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step alone: median {times.Order().ElementAt(times.Count / 2):0.000} s"));
    }

    File.Delete(path);
    File.Delete(path + ".previous");
    return 0;
}

internal sealed class Resumed : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value)
    {
        if (value.Note is { } note)
            Console.WriteLine($"resumed {note[(note.LastIndexOf(' ') + 1)..]} ({note})");
    }
}

/// <summary>Says how many steps are safe: when the next mini-batch is read, the checkpoint of the one before is written.</summary>
internal sealed class Source(float[] features, float[] labels, bool speaks) : BatchSource
{
    private readonly MemoryBatchSource _inner = new(features, [20], labels);
    private long _batch;

    public override Shape RowShape => _inner.RowShape;

    public override int TargetsPerRow => 1;

    public override bool HasWeights => false;

    public override long RowCount => _inner.RowCount;

    public override void Begin(int seed, int epoch, bool shuffle)
    {
        _batch = epoch * 8L;
        _inner.Begin(seed, epoch, shuffle);
    }

    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        if (speaks)
            Console.WriteLine($"saved {_batch}"); // a resumed epoch reads its batches again: the script takes the highest
        _batch++;
        return _inner.Read(features, targets, weights);
    }
}

/// <summary>Notes the seconds between the mini-batches.</summary>
internal sealed class Timed(List<double> times) : BatchSource
{
    private long _last;
    private int _rows;

    public override Shape RowShape => [1000];

    public override int TargetsPerRow => 1;

    public override bool HasWeights => false;

    public override long RowCount => 12;

    public override void Begin(int seed, int epoch, bool shuffle) => (_rows, _last) = (0, 0);

    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        long now = System.Diagnostics.Stopwatch.GetTimestamp();
        if (_last != 0)
            times.Add(System.Diagnostics.Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
        _last = now;
        if (_rows++ == RowCount)
            return 0;
        features.Fill(0.5f);
        targets.Fill(_rows);
        return 1;
    }
}
