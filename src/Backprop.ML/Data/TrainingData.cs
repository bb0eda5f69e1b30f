namespace Backprop.ML.Data;

/// <summary>The rows a network learns from: a matrix of features, a label a row, perhaps a weight a row.</summary>
internal sealed class TrainingData(int columns, int classCount, float[] features, float[] labels, float[]? weights, int rows)
{
    private readonly float[] _features = features;
    private readonly float[] _labels = labels;
    private readonly float[]? _weights = weights;

    /// <summary>The number of rows.</summary>
    public int Rows { get; } = rows;

    /// <summary>The number of features a row.</summary>
    public int Columns { get; } = columns;

    /// <summary>The number of classes; 0 for a numeric label.</summary>
    public int ClassCount { get; } = classCount;

    /// <summary>The features, row by row.</summary>
    public Memory<float> Features => _features.AsMemory(0, checked(Rows * Columns));

    /// <summary>The labels: the number itself, 0 or 1, or the index of the class.</summary>
    public Memory<float> Labels => _labels.AsMemory(0, Rows);

    /// <summary>The weights, or an empty memory if every row counts the same.</summary>
    public Memory<float> Weights => _weights.AsMemory(0, _weights is null ? 0 : Rows);

    /// <summary>The number of rows of each class. It is empty for a numeric label.</summary>
    public int[] CountClasses()
    {
        var counts = new int[ClassCount];
        if (ClassCount > 0)
        {
            foreach (float label in Labels.Span)
                counts[(int)label]++;
        }
        return counts;
    }

    /// <summary>
    /// Splits the rows in two, each part in its old order. The kept rows close up in the memory of this object, which must not be used
    /// again; only the chosen ones are given memory of their own.
    /// </summary>
    public (TrainingData Kept, TrainingData Chosen) Split(ReadOnlySpan<bool> isChosen)
    {
        int chosen = isChosen.Count(true), kept = Rows - chosen;
        var chosenData = new TrainingData(Columns, ClassCount, new float[chosen * Columns], new float[chosen], _weights is null ? null : new float[chosen], chosen);
        int nextKept = 0, nextChosen = 0;
        for (int row = 0; row < Rows; row++)
        {
            if (isChosen[row])
                CopyRow(row, chosenData, nextChosen++);
            else
                CopyRow(row, this, nextKept++);
        }
        return (new TrainingData(Columns, ClassCount, _features, _labels, _weights, kept), chosenData);
    }

    private void CopyRow(int row, TrainingData destination, int destinationRow)
    {
        _features.AsSpan(row * Columns, Columns).CopyTo(destination._features.AsSpan(destinationRow * Columns));
        destination._labels[destinationRow] = _labels[row];
        if (_weights is not null)
            destination._weights![destinationRow] = _weights[row];
    }
}
