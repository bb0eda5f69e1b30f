using Microsoft.ML;

namespace Tabular;

/// <summary>The same one line for every trainer: its defaults.</summary>
internal static class Trainers
{
    public static IEstimator<ITransformer> NeuralNetwork(MLContext ml, TableTask task) => task switch
    {
        TableTask.Multiclass => ml.MulticlassClassification.Trainers.NeuralNetwork(),
        TableTask.Binary => ml.BinaryClassification.Trainers.NeuralNetwork(),
        _ => ml.Regression.Trainers.NeuralNetwork(),
    };

    public static IEstimator<ITransformer> FastTree(MLContext ml, TableTask task) => task switch
    {
        TableTask.Multiclass => ml.MulticlassClassification.Trainers.OneVersusAll(ml.BinaryClassification.Trainers.FastTree()),
        TableTask.Binary => ml.BinaryClassification.Trainers.FastTree(),
        _ => ml.Regression.Trainers.FastTree(),
    };
}
