namespace WebService.Models;

/// <summary>Holds the model that is served now, and what is to be said about it.</summary>
internal sealed class ModelHost
{
    private ServedModel? _current;
    private long _predictions;
    private volatile Absence _whyNot = new("starting", "The service is starting.");

    /// <summary>"starting", "training", "ready" or "unavailable".</summary>
    public string Status => Volatile.Read(ref _current) is not null ? "ready" : WhyNot.Status;

    /// <summary>Why there is no model: what /health and /predict say until there is one.</summary>
    public Absence WhyNot => _whyNot; // one object: no reader sees the state of one moment and the reason of another

    /// <summary>Why the last new model file was refused; null if it was not.</summary>
    public string? Refused { get; set; }

    /// <summary>How many images were read since the start.</summary>
    public long Predictions => Volatile.Read(ref _predictions);

    public void CountPredictions(int images) => Interlocked.Add(ref _predictions, images);

    public void SetWhyNot(string status, string detail) => _whyNot = new Absence(status, detail);

    /// <summary>The model that is served now, for use until <see cref="ServedModel.Leave"/>; null if there is none yet.</summary>
    public ServedModel? Enter()
    {
        // A model can lose its last user between the look and the entry; then a newer one is there.
        while (Volatile.Read(ref _current) is { } model)
        {
            if (model.TryEnter())
                return model;
        }
        return null;
    }

    /// <summary>Requests from now on get the new model; those under way end with the old one.</summary>
    public void Replace(ServedModel? model)
    {
        ServedModel? old = Interlocked.Exchange(ref _current, model);
        old?.Leave();
    }
}

/// <summary>Why there is no model.</summary>
/// <param name="Status">"starting", "training" or "unavailable".</param>
/// <param name="Detail">A sentence for everyone's eyes.</param>
internal sealed record Absence(string Status, string Detail);
