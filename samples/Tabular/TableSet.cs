using Microsoft.ML;
using Microsoft.ML.Data;

namespace Tabular;

/// <summary>What is to be learned from a table.</summary>
internal enum TableTask
{
    Multiclass,
    Binary,
    Regression,
}

/// <summary>A table with a header row, divided into training and test rows, and what its columns are.</summary>
/// <param name="Name">The name, with which its files begin.</param>
/// <param name="Task">What is to be learned.</param>
/// <param name="Label">The column to be predicted.</param>
/// <param name="Reference">What scikit-learn's MLP with default settings reaches on the test rows: accuracy, or root mean squared error.</param>
internal sealed record TableSet(string Name, TableTask Task, string Label, double Reference)
{
    /// <summary>The text of the positive label of a binary task.</summary>
    public string Positive { get; init; } = "";

    /// <summary>The columns with names of categories.</summary>
    public string[] Categories { get; init; } = [];

    /// <summary>The column with sentences; null for none.</summary>
    public string? Text { get; init; }

    /// <summary>Columns that must not be learned from.</summary>
    public string[] Unused { get; init; } = [];

    /// <summary>The sets, smallest first within a task; the references are for these very rows.</summary>
    public static IReadOnlyList<TableSet> All { get; } =
    [
        new("iris", TableTask.Multiclass, "species", 0.9556),
        new("wine", TableTask.Multiclass, "cultivar", 0.9623),
        new("penguins", TableTask.Multiclass, "species", 1.0000) { Categories = ["island", "sex"] },
        new("digits", TableTask.Multiclass, "digit", 0.9661),
        new("letter", TableTask.Multiclass, "letter", 0.9515),
        new("german-credit", TableTask.Binary, "class", 0.7200)
        {
            Positive = "good",
            Categories =
            [
                "checking_status", "credit_history", "purpose", "savings", "employment", "personal_status_sex", "other_debtors",
                "property", "other_installment_plans", "housing", "job", "telephone", "foreign_worker",
            ],
        },
        new("spambase", TableTask.Binary, "type", 0.9464) { Positive = "spam" },
        new("sentiment-sentences", TableTask.Binary, "label", 0.7869) { Positive = "1", Text = "text", Unused = ["source"] },
        new("sms-spam", TableTask.Binary, "label", 0.9865) { Positive = "spam", Text = "text" },
        new("adult", TableTask.Binary, "income", 0.8421)
        {
            Positive = ">50K",
            Categories = ["workclass", "education", "marital_status", "occupation", "relationship", "race", "sex", "native_country"],
        },
        new("california-housing", TableTask.Regression, "median_house_value", 53_377.73) { Categories = ["ocean_proximity"] },
        new("bike-sharing", TableTask.Regression, "cnt", 94.56) { Unused = ["instant", "dteday", "casual", "registered"] },
    ];

    /// <summary>The set of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static TableSet Named(string name) => All.FirstOrDefault(set => set.Name == name)
        ?? throw new ArgumentException($"There is no set '{name}'. There are: {string.Join(", ", All.Select(set => set.Name))}.");

    /// <summary>Reads the training or the test rows.</summary>
    public IDataView Load(MLContext ml, string directory, string part)
    {
        string path = Path(directory, part);
        string[] header = Header(path);
        TextLoader.Column[] columns =
        [
            .. header.Select((name, index) => (name, index))
                .Where(column => !Unused.Contains(column.name))
                .Select(column => new TextLoader.Column(column.name, KindOf(column.name), column.index)),
        ];
        return ml.Data.LoadFromTextFile(path, new TextLoader.Options
        {
            Columns = columns,
            HasHeader = true,
            Separators = [Separator(path)],
            AllowQuoting = Separator(path) == ',',
            MissingRealsAsNaNs = true, // otherwise an empty field is read as 0
        });
    }

    /// <summary>Everything in front of a trainer: columns "Features" and "Label" from the columns of the file.</summary>
    public IEstimator<ITransformer> Preparation(MLContext ml, string directory)
    {
        string[] numbers = [.. Header(Path(directory, "train")).Where(name => IsNumber(name) && name != Label)];
        IEstimator<ITransformer> result = Task switch
        {
            TableTask.Multiclass => ml.Transforms.Conversion.MapValueToKey("Label", Label),
            TableTask.Binary => ml.Transforms.Conversion.MapValue("Label", [KeyValuePair.Create(Positive, true)], Label),
            _ => ml.Transforms.CopyColumns("Label", Label),
        };
        var features = new List<string>();
        if (numbers.Length > 0)
        {
            result = result.Append(ml.Transforms.Concatenate("Numbers", numbers)).Append(ml.Transforms.ReplaceMissingValues(
                "Numbers", replacementMode: Microsoft.ML.Transforms.MissingValueReplacingEstimator.ReplacementMode.Mean));
            features.Add("Numbers");
        }

        if (Categories.Length > 0)
        {
            result = result.Append(ml.Transforms.Categorical.OneHotEncoding([.. Categories.Select(name => new InputOutputColumnPair(name))]));
            features.AddRange(Categories);
        }

        if (Text is not null)
        {
            result = result.Append(ml.Transforms.Text.FeaturizeText("Words", Text));
            features.Add("Words");
        }

        return result.Append(ml.Transforms.Concatenate("Features", [.. features]));
    }

    private static char Separator(string path) => path.EndsWith(".tsv", StringComparison.Ordinal) ? '\t' : ',';

    private static string[] Header(string path) => File.ReadLines(path).First().Split(Separator(path));

    private string Path(string directory, string part)
    {
        string path = System.IO.Path.Combine(directory, $"{Name}-{part}.csv");
        return File.Exists(path) ? path : System.IO.Path.ChangeExtension(path, ".tsv");
    }

    private bool IsNumber(string name) => !Categories.Contains(name) && !Unused.Contains(name) && name != Text && (name != Label || Task == TableTask.Regression);

    private DataKind KindOf(string name) => IsNumber(name) ? DataKind.Single : DataKind.String;
}
