using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Xunit.Abstractions;

namespace Backprop.ML.Tests;

/// <summary>
/// The one-liner on real data: all settings left at their defaults, a fixed seed, judged on rows it never saw. The bars stand a
/// little below what one machine gave: another instruction set rounds differently.
/// </summary>
public sealed class AccuracyTests(ITestOutputHelper output)
{
    // scikit-learn's MLPClassifier with its defaults: iris 0.956 (45 rows), wine 0.962 (53 rows), digits 0.966.
    [Theory]
    [InlineData("iris", "species", 4, 0.93)]
    [InlineData("wine", "cultivar", 13, 0.96)]
    [InlineData("digits", "digit", 64, 0.96)]
    public void Multiclass(string name, string label, int features, double least)
    {
        var ml = new MLContext(seed: 1);
        IEstimator<ITransformer> keys = ml.Transforms.Conversion.MapValueToKey("Label", label);
        (IDataView train, IDataView test) = (Load(ml, name, "train", label, features, DataKind.String), Load(ml, name, "test", label, features, DataKind.String));
        ITransformer model = Timed(() => keys.Append(ml.MulticlassClassification.Trainers.NeuralNetwork()).Fit(train));
        MulticlassClassificationMetrics metrics = ml.MulticlassClassification.Evaluate(model.Transform(test));
        output.WriteLine($"{name}: accuracy {metrics.MicroAccuracy:0.0000}, log loss {metrics.LogLoss:0.000}");
        Assert.True(metrics.MicroAccuracy >= least, $"{metrics.MicroAccuracy}");
    }

    // scikit-learn: accuracy 0.946, AUC 0.982.
    [Fact]
    public void Binary()
    {
        var ml = new MLContext(seed: 1);
        (IDataView train, IDataView test) = (Load(ml, "spambase", "train", "type", 57, DataKind.String), Load(ml, "spambase", "test", "type", 57, DataKind.String));
        IEstimator<ITransformer> flags = ml.Transforms.Conversion.MapValue("Label", [new KeyValuePair<string, bool>("spam", true), new("nonspam", false)], "type");
        ITransformer model = Timed(() => flags.Append(ml.BinaryClassification.Trainers.NeuralNetwork()).Fit(train));
        CalibratedBinaryClassificationMetrics metrics = ml.BinaryClassification.Evaluate(model.Transform(test));
        output.WriteLine($"spambase: accuracy {metrics.Accuracy:0.0000}, AUC {metrics.AreaUnderRocCurve:0.0000}, log loss {metrics.LogLoss:0.000}");
        Assert.True(metrics.Accuracy >= 0.935, $"{metrics.Accuracy}");
        Assert.True(metrics.AreaUnderRocCurve >= 0.975, $"{metrics.AreaUnderRocCurve}");
    }

    // scikit-learn: RMSE 53,378 with the missing cells imputed and the place of the block as a fifth category.
    [Fact]
    public void Regression()
    {
        var ml = new MLContext(seed: 1);
        IDataView Load(string part) => ml.Data.LoadFromTextFile(Path.Combine(AppContext.BaseDirectory, "Data", $"housing-{part}.csv"), new TextLoader.Options
        {
            Separators = [','],
            HasHeader = true,
            MissingRealsAsNaNs = true,
            Columns = [new("Numbers", DataKind.Single, 0, 7), new("Label", DataKind.Single, 8), new("ocean_proximity", DataKind.String, 9)],
        });
        IEstimator<ITransformer> prepare = ml.Transforms.ReplaceMissingValues("Numbers")
            .Append(ml.Transforms.Categorical.OneHotEncoding("ocean_proximity"))
            .Append(ml.Transforms.Concatenate("Features", "Numbers", "ocean_proximity"));
        ITransformer model = Timed(() => prepare.Append(ml.Regression.Trainers.NeuralNetwork()).Fit(Load("train")));
        RegressionMetrics metrics = ml.Regression.Evaluate(model.Transform(Load("test")));
        output.WriteLine($"housing: RMSE {metrics.RootMeanSquaredError:0}, MAE {metrics.MeanAbsoluteError:0}, R2 {metrics.RSquared:0.000}");
        Assert.True(metrics.RootMeanSquaredError <= 54_000, $"{metrics.RootMeanSquaredError}");
    }

    private static IDataView Load(MLContext ml, string name, string part, string label, int features, DataKind labelKind) =>
        ml.Data.LoadFromTextFile(Path.Combine(AppContext.BaseDirectory, "Data", $"{name}-{part}.csv"),
            [new TextLoader.Column("Features", DataKind.Single, 0, features - 1), new(label, labelKind, features)], ',', hasHeader: true);

    private T Timed<T>(Func<T> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = action();
        output.WriteLine($"fitted in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        return result;
    }
}
