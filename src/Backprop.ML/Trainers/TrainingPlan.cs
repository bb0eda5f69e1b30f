namespace Backprop.ML;

/// <summary>The settings that a trainer chooses from the size of the data where its options leave them open.</summary>
internal static class TrainingPlan
{
    /// <summary>The number of rows from which on a tenth of them is held out and training stops early.</summary>
    public const int RowsWorthHoldingOut = 2000;

    /// <summary>The part of the rows to hold out.</summary>
    public static float ValidationFraction(NeuralNetworkOptions options, int rows) =>
        options.ValidationFraction ?? (rows >= RowsWorthHoldingOut || options.EarlyStopping is not null ? 0.1f : 0);

    /// <summary>Rows per step: small data need many small steps, large data cheap ones.</summary>
    public static int BatchSize(NeuralNetworkOptions options, int rows) =>
        Math.Min(rows, options.BatchSize ?? Math.Clamp((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, rows / 64)), 16, 256));

    /// <summary>Epochs: as many as make about the number of steps that training takes, within limits.</summary>
    public static int NumberOfEpochs(NeuralNetworkOptions options, int rows, int batchSize, bool canStopEarly)
    {
        int steps = (rows + batchSize - 1) / batchSize;
        return options.NumberOfEpochs ?? (canStopEarly ? Math.Clamp(20_000 / steps, 20, 200) : Math.Clamp(1_500 / steps, 20, 200));
    }

    /// <summary>The hidden layers.</summary>
    public static Func<NetworkBuilder, NetworkBuilder> HiddenLayers(NeuralNetworkOptions options, int rows) =>
        options.Network ?? (rows < RowsWorthHoldingOut ? HiddenLayers([64, 32]) : HiddenLayers([128, 64]));

    /// <summary>Dense layers with ReLU.</summary>
    public static Func<NetworkBuilder, NetworkBuilder> HiddenLayers(IReadOnlyList<int> units) => net =>
    {
        foreach (int count in units)
            net = net.Dense(count).Relu();
        return net;
    };
}
