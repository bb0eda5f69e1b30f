using System.Buffers;
using System.Runtime.InteropServices;

namespace Backprop.Training;

/// <summary>A copy of the weights that a run will leave the network with: those of the best epoch so far, or of the last one.</summary>
internal sealed class BestWeights
{
    private const int ChunkLength = 1 << 16;
    private readonly Network _network;
    private readonly EarlyStopping? _stopping;

    public BestWeights(Network network, EarlyStopping? stopping)
    {
        (_network, _stopping) = (network, stopping);
        Values = [.. network.Parameters.Select(parameter => parameter.Value.ToArray())];
    }

    /// <summary>The kept values, one array a parameter.</summary>
    public float[][] Values { get; }

    /// <summary>The epoch of the kept weights; 0 for the initial ones.</summary>
    public int Epoch { get; set; }

    /// <summary>The last epoch that was better by more than the required change.</summary>
    public int ImprovedEpoch { get; set; }

    /// <summary>The best score so far; lower is better.</summary>
    public double Lowest { get; set; } = double.PositiveInfinity;

    /// <summary>The score of <see cref="ImprovedEpoch"/>.</summary>
    public double Reference { get; set; } = double.PositiveInfinity;

    /// <summary>Whether the network's weights at the end of an epoch are kept whatever their score.</summary>
    public bool KeepsLatest(int epoch) => _stopping is null || !_stopping.RestoreBestWeights || epoch < _stopping.StartEpoch;

    /// <summary>Judges the network's present weights.</summary>
    /// <param name="epoch">The epoch they come from.</param>
    /// <param name="score">How good they are; lower is better.</param>
    public void Offer(int epoch, double score)
    {
        if (_stopping is not null && epoch < _stopping.StartEpoch)
            ImprovedEpoch = epoch; // waiting begins with the first epoch that counts
        else
        {
            if (score < Reference - (_stopping?.MinimumChange ?? 0f))
                (ImprovedEpoch, Reference) = (epoch, score);
            bool isBest = score < Lowest;
            if (isBest)
                Lowest = score;
            if (!isBest && !KeepsLatest(epoch))
                return;
        }

        Keep(epoch);
    }

    /// <summary>Whether there was no improvement for so long that the run shall end.</summary>
    public bool IsPatienceOver(int epoch) => _stopping is not null && epoch >= _stopping.StartEpoch && epoch - ImprovedEpoch >= _stopping.Patience;

    /// <summary>Keeps the network's present weights.</summary>
    public void Keep(int epoch)
    {
        Epoch = epoch;
        for (int i = 0; i < Values.Length; i++)
            _network.Parameters[i].Value.CopyTo(Values[i]);
    }

    /// <summary>Whether the network has the kept weights at this moment, to the last bit.</summary>
    public bool AreThoseOfTheNetwork()
    {
        float[] chunk = ArrayPool<float>.Shared.Rent(ChunkLength);
        try
        {
            for (int i = 0; i < Values.Length; i++)
            {
                for (int done = 0; done < Values[i].Length; done += ChunkLength)
                {
                    Span<float> kept = Values[i].AsSpan(done, Math.Min(ChunkLength, Values[i].Length - done)), own = chunk.AsSpan(0, kept.Length);
                    _network.Device.Download(_network.Parameters[i].Storage.Values, own, done);
                    if (!MemoryMarshal.AsBytes(own).SequenceEqual(MemoryMarshal.AsBytes(kept)))
                        return false;
                }
            }

            return true;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(chunk);
        }
    }

    /// <summary>Gives the network the kept weights.</summary>
    public void Restore()
    {
        for (int i = 0; i < Values.Length; i++)
            _network.Parameters[i].Value.SetValues(Values[i]);
    }
}
