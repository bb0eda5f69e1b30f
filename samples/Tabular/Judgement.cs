using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Tabular;

/// <summary>How a trainer did on the test rows of a set.</summary>
/// <param name="Score">The accuracy, or the root mean squared error of a regression.</param>
/// <param name="Second">The area under the ROC curve of a binary task, the macro accuracy of several classes, or R².</param>
/// <param name="Seconds">How long fitting took, reading and preparing the rows included.</param>
internal readonly record struct Judgement(double Score, double Second, double Seconds)
{
    /// <summary>Fits the preparation and the trainer to the training rows and evaluates them, as ML.NET does, on the test rows.</summary>
    public static Judgement Of(MLContext ml, TableSet set, string directory, IEstimator<ITransformer> trainer)
    {
        var clock = Stopwatch.StartNew();
        ITransformer model = set.Preparation(ml, directory).Append(trainer).Fit(set.Load(ml, directory, "train"));
        double seconds = clock.Elapsed.TotalSeconds;
        IDataView scored = model.Transform(set.Load(ml, directory, "test"));
        switch (set.Task)
        {
            case TableTask.Multiclass:
                MulticlassClassificationMetrics classes = ml.MulticlassClassification.Evaluate(scored);
                return new Judgement(classes.MicroAccuracy, classes.MacroAccuracy, seconds);
            case TableTask.Binary:
                BinaryClassificationMetrics binary = ml.BinaryClassification.Evaluate(scored);
                return new Judgement(binary.Accuracy, binary.AreaUnderRocCurve, seconds);
            default:
                RegressionMetrics regression = ml.Regression.Evaluate(scored);
                return new Judgement(regression.RootMeanSquaredError, regression.RSquared, seconds);
        }
    }
}
