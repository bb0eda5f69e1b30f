using Microsoft.ML.Data;

namespace Iris;

/// <summary>A row of the data: lengths and widths in centimetres, and the species.</summary>
internal sealed class Flower
{
    [LoadColumn(0)]
    public float SepalLength { get; set; }

    [LoadColumn(1)]
    public float SepalWidth { get; set; }

    [LoadColumn(2)]
    public float PetalLength { get; set; }

    [LoadColumn(3)]
    public float PetalWidth { get; set; }

    /// <summary>"Label" is the name under which ML.NET's trainers look for what is to be learned.</summary>
    [LoadColumn(4), ColumnName("Label")]
    public string Species { get; set; } = "";
}
