namespace WebService;

/// <summary>The section "Digits" of appsettings.json; on the command line for example <c>--Digits:Network=conv</c>.</summary>
internal sealed class DigitsOptions
{
    /// <summary>The model file. If it is missing at the start, a network is trained and saved there; a new file is loaded when it appears.</summary>
    public string ModelPath { get; set; } = "digits.zip";

    /// <summary>The network that is trained: "dense", a few seconds, or "conv", better, about a minute.</summary>
    public string Network { get; set; } = "dense";

    /// <summary>Passes over the training images; null for the network's own number.</summary>
    public int? Epochs { get; set; }

    /// <summary>How many of the 60,000 training images are used; null for all.</summary>
    public int? TrainingImages { get; set; }

    /// <summary>Fixes all chance in the training.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Where the MNIST files are; null for those that come with this program.</summary>
    public string? DataDirectory { get; set; }

    /// <summary>How many prediction engines there are, so how many requests predict at once; null for one a processor.</summary>
    public int? Engines { get; set; }

    /// <summary>Seconds a request waits for an engine before it is answered 503.</summary>
    public double EngineWaitSeconds { get; set; } = 2;

    /// <summary>The most images in one batch request.</summary>
    public int BatchLimit { get; set; } = 256;

    /// <summary>Seconds between two looks at the model file, for where the system does not tell of changes (network drives, containers).</summary>
    public double PollSeconds { get; set; } = 5;

    /// <exception cref="ArgumentException">An option has a value that cannot be.</exception>
    public void Check()
    {
        Require(!string.IsNullOrWhiteSpace(ModelPath), nameof(ModelPath), ModelPath, "the path of a file");
        Require(Network is "dense" or "conv", nameof(Network), Network, "dense or conv");
        Require(Epochs is null or >= 1, nameof(Epochs), Epochs, "at least 1");
        Require(TrainingImages is null or >= 100, nameof(TrainingImages), TrainingImages, "at least 100");
        Require(Engines is null or (>= 1 and <= 1024), nameof(Engines), Engines, "from 1 to 1024");
        Require(EngineWaitSeconds is > 0 and <= 3600, nameof(EngineWaitSeconds), EngineWaitSeconds, "above 0, at most 3600");
        Require(BatchLimit is >= 1 and <= 10_000, nameof(BatchLimit), BatchLimit, "from 1 to 10000");
        Require(PollSeconds is > 0 and <= 86_400, nameof(PollSeconds), PollSeconds, "above 0, at most 86400");
    }

    private static void Require(bool isFulfilled, string option, object? found, string allowed)
    {
        if (!isFulfilled)
            throw new ArgumentException(FormattableString.Invariant($"The option Digits:{option} is '{found ?? "null"}'; it must be {allowed}."));
    }
}
