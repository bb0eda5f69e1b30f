using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Data, trainers and models to do something wrong with.</summary>
internal sealed class BadInputBench
{
    public const int RowCount = 100;

    private NeuralNetworkTransformer? _model;
    private ITransformer? _builtInModel;

    public BadInputBench(string folder)
    {
        Folder = folder;
        Data = Widened(Samples.Rows(RowCount));
    }

    public MLContext Ml { get; } = new(seed: 1);

    /// <summary>A folder that is there.</summary>
    public string Folder { get; }

    /// <summary>Samples, with columns of types that no trainer wants.</summary>
    public IDataView Data { get; }

    public NeuralNetworkTransformer Model => _model ??= Regression().Fit(Data);

    public ITransformer BuiltInModel => _builtInModel ??= BuiltIn("Number").Fit(Data);

    public byte[] Saved
    {
        get
        {
            using var stream = new MemoryStream();
            Ml.Model.Save(Model, Data.Schema, stream);
            return stream.ToArray();
        }
    }

    public NeuralNetworkRegressionTrainer Regression() => Ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1);

    public NeuralNetworkRegressionTrainer With(Action<NeuralNetworkRegressionTrainer.Options> change)
    {
        var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1 };
        change(options);
        return Ml.Regression.Trainers.NeuralNetwork(options);
    }

    public IEstimator<ITransformer> Ours(string task, string? label = null, string features = "Features", string? weight = null) => task switch
    {
        "Flag" => Ml.BinaryClassification.Trainers.NeuralNetwork(label ?? task, features, weight, numberOfEpochs: 1),
        "Class" => Ml.MulticlassClassification.Trainers.NeuralNetwork(label ?? task, features, weight, numberOfEpochs: 1),
        _ => Ml.Regression.Trainers.NeuralNetwork(label ?? task, features, weight, numberOfEpochs: 1),
    };

    public IEstimator<ITransformer> BuiltIn(string task, string? label = null, string features = "Features", string? weight = null) => task switch
    {
        "Flag" => Ml.BinaryClassification.Trainers.SdcaLogisticRegression(label ?? task, features, weight),
        "Class" => Ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(label ?? task, features, weight),
        _ => Ml.Regression.Trainers.Sdca(label ?? task, features, weight),
    };

    /// <summary>The samples with a change made to each; those whose index became negative are left out.</summary>
    public IDataView Changed(Action<Sample> change)
    {
        List<Sample> rows = Samples.Rows(RowCount);
        rows.ForEach(change);
        return Samples.View(Ml, rows.Where(row => row.Index >= 0));
    }

    /// <summary>The data with the names as keys, in an order of the caller's.</summary>
    public IDataView Keyed(params string[] names) => Ml.Transforms.Conversion.MapValueToKey("Name", keyData: Ml.Data.LoadFromEnumerable(names.Select(name => new Named { Name = name }))).Fit(Data).Transform(Data);

    public IDataView Without(string column) => Ml.Transforms.DropColumns(column).Fit(Data).Transform(Data);

    /// <summary>The data with a column hidden by a copy of another.</summary>
    public IDataView Copied(string column, string other) => Ml.Transforms.CopyColumns(column, other).Fit(Data).Transform(Data);

    /// <summary>A row whose features are fewer than its schema says.</summary>
    public IDataView Lying() => Ml.Data.LoadFromEnumerable(new[] { new Sample { Features = [1, 2] } });

    public ITransformer Load(byte[] file) => Ml.Model.Load(new MemoryStream(file), out _);

    private IDataView Widened(List<Sample> rows)
    {
        IDataView data = Samples.View(Ml, rows);
        return Ml.Transforms.CustomMapping<Sample, Further>((row, further) =>
        {
            further.Double = row.Number;
            further.Doubles = [row.Number, row.Weight];
            further.Texts = [row.Name, row.Text];
            further.Keys = [1, 2];
            further.Loose = row.Index % 2 == 0 ? [1] : [1, 2];
            (further.Beyond, further.Endless, further.Vast) = (7, 1, (uint)(1 + row.Index % 2));
        }, contractName: null).Fit(data).Transform(data);
    }

    private sealed class Named
    {
        public string Name { get; set; } = "";
    }

    private sealed class Further
    {
        public double Double { get; set; }

        [VectorType(2)]
        public double[] Doubles { get; set; } = [];

        [VectorType(2)]
        public string[] Texts { get; set; } = [];

        [VectorType(2)]
        [KeyType(3)]
        public uint[] Keys { get; set; } = [];

        public float[] Loose { get; set; } = [];

        [KeyType(3)]
        public uint Beyond { get; set; }

        [KeyType(uint.MaxValue)]
        public uint Endless { get; set; }

        [KeyType(2_000_000_000)]
        public uint Vast { get; set; }
    }
}
