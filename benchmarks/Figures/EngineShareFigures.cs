using System.Diagnostics;
using Backprop.Devices.Cpu;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// How much of a training from ML.NET's cache is spent in the engine: all of the loop on the training's thread but what passes in
/// <see cref="BatchSource.Begin"/> and in reading mini-batches, waiting for the thread that reads ahead included. Always on the wall's clock.
/// </summary>
internal static class EngineShareFigures
{
    private const string Name = "run.in_engine.784-256-128-10.b128";
    private const int Rows = 10_000, BufferRows = Rows / 4, Rounds = 7, Epochs = 5;

    /// <summary>Prints the share, the rows a second, and what part that is of those of the engine alone in the same round.</summary>
    public static void Print(FigureRun run, CpuDevice device)
    {
        if (!run.Wants(Name))
            return;
        var ml = new MLContext(seed: 1);
        IHost host = Seam.EnvironmentOf(ml.Regression).Register(nameof(EngineShareFigures));
        IDataView view = DataFigures.Dense(ml, Rows, 784);
        (string Name, BatchSource Source)[] sources =
        [
            ("engine_alone", new DataFigures.NoReading(Rows, 784)),
            ("memory", DataFigures.Source(DataFigures.Read(host, view, long.MaxValue))),
            ("streamed", DataFigures.Source(DataFigures.Read(host, view, 1), BufferRows)),
        ];
        Series[] all = [.. sources.Select(source => new Series(source.Name, new Timed(source.Source), device))];

        // In turn, so that what the machine gives at a time it gives to all.
        for (int round = -1; round < Rounds; round++)
        {
            foreach (Series series in all)
                series.Take(round);
        }

        foreach (Series series in all)
        {
            run.PrintValues($"{Name}.{series.Name}.rate", series.Rates, "rows/s");
            if (series == all[0])
                continue;
            run.PrintValues($"{Name}.{series.Name}.share", series.Shares, "in engine/all");
            run.PrintValues($"{Name}.{series.Name}.to_engine_alone", [.. series.Rates.Zip(all[0].Rates, (rate, alone) => rate / alone)], "of its rows/s");
            (series.Source.Inner as IDisposable)?.Dispose();
        }
    }

    private sealed class Series(string name, Timed source, CpuDevice device)
    {
        private readonly Network _network = FigureNetworks.Small(device);

        public string Name => name;

        public Timed Source => source;

        public double[] Rates { get; } = new double[Rounds];

        public double[] Shares { get; } = new double[Rounds];

        /// <summary>Some epochs, after one that does not count: the rows of the first buffers were read before it began.</summary>
        public void Take(int round)
        {
            Run(1);
            source.Reset();
            var clock = Stopwatch.StartNew();
            Run(Epochs);
            double seconds = clock.Elapsed.TotalSeconds;
            if (round < 0)
                return;
            Rates[round] = (double)Epochs * Rows / seconds;
            Shares[round] = 1 - source.Seconds / seconds;
        }

        private void Run(int epochs) => new TrainingLoop(_network, Loss.CrossEntropy, new TrainingOptions { Optimizer = new Adam(), NumberOfEpochs = epochs, BatchSize = DataFigures.BatchSize }).Run(source);
    }

    /// <summary>Adds up the time that its caller spends in it.</summary>
    private sealed class Timed(BatchSource inner) : BatchSource
    {
        private long _ticks;

        public BatchSource Inner => inner;

        public double Seconds => _ticks / (double)Stopwatch.Frequency;

        public override Shape RowShape => inner.RowShape;

        public override int TargetsPerRow => inner.TargetsPerRow;

        public override bool HasWeights => inner.HasWeights;

        public override long RowCount => inner.RowCount;

        public void Reset() => _ticks = 0;

        public override BatchPlan Plan(int batchSize) => inner.Plan(batchSize);

        public override void Begin(int seed, int epoch, bool shuffle)
        {
            long start = Stopwatch.GetTimestamp();
            inner.Begin(seed, epoch, shuffle);
            _ticks += Stopwatch.GetTimestamp() - start;
        }

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            long start = Stopwatch.GetTimestamp();
            int read = inner.Read(features, targets, weights);
            _ticks += Stopwatch.GetTimestamp() - start;
            return read;
        }

        internal override int Read(float[] features, float[] targets, float[] weights, Device device)
        {
            long start = Stopwatch.GetTimestamp();
            int read = inner.Read(features, targets, weights, device);
            _ticks += Stopwatch.GetTimestamp() - start;
            return read;
        }
    }
}
