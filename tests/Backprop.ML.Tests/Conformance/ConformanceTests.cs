using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

public sealed class ConformanceTests
{
    // More than two batches of the scoring cursor, and not a multiple of one.
    private const int Rows = 600;

    private readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string> Names => [.. TrainerTable.All.Select(trainer => trainer.Name)];

    // The built-in trainers among them are for the yardstick itself: they must pass it.
    [Theory]
    [MemberData(nameof(Names))]
    public void Trainer_and_model_conform(string name)
    {
        TrainerCase trainer = TrainerTable.All.Single(found => found.Name == name);
        Check(trainer.Create(_ml), trainer);
    }

    // And it must be able to fail.
    [Theory]
    [InlineData("promises too little")]
    [InlineData("promises too much")]
    [InlineData("accepts what it cannot use")]
    [InlineData("fails with another type")]
    public void A_flaw_is_found_out(string flaw)
    {
        TrainerCase trainer = TrainerTable.Ours[0];
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check(new Flawed(trainer.Create(_ml), flaw), trainer));
    }

    [Theory]
    [InlineData("reads more than it needs")]
    [InlineData("gives other scores to a single cursor")]
    [InlineData("forgets a row in sets of cursors")]
    public void A_flawed_view_is_found_out(string flaw)
    {
        TrainerCase trainer = TrainerTable.Ours[0];
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check(new FlawedFit(trainer.Create(_ml), flaw), trainer));
    }

    [Theory]
    [InlineData("Number")]
    [InlineData("Flag")]
    [InlineData("Class")]
    public void Output_columns_are_those_of_the_built_in_trainers(string label)
    {
        IDataView data = Samples.View(_ml, 100);
        (IEstimator<ITransformer> ours, IEstimator<ITransformer> theirs) = label switch
        {
            "Number" => ((IEstimator<ITransformer>)_ml.Regression.Trainers.NeuralNetwork(label, numberOfEpochs: 1), (IEstimator<ITransformer>)_ml.Regression.Trainers.Sdca(label)),
            "Flag" => (_ml.BinaryClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 1), _ml.BinaryClassification.Trainers.SdcaLogisticRegression(label)),
            _ => (_ml.MulticlassClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 1), _ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(label)),
        };
        Assert.Equal(Describe(theirs.Fit(data).GetOutputSchema(data.Schema)), Describe(ours.Fit(data).GetOutputSchema(data.Schema)));
    }

    [Fact]
    public void Score_sets_are_numbered_on()
    {
        IDataView data = Samples.View(_ml, 50);
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1);
        IDataView once = trainer.Fit(data).Transform(data), twice = trainer.Fit(once).Transform(once);
        uint first = 0, second = 0;
        once.Schema["Score"].Annotations.GetValue("ScoreColumnSetId", ref first);
        twice.Schema["Score"].Annotations.GetValue("ScoreColumnSetId", ref second);
        Assert.Equal((1u, 2u), (first, second));
    }

    [Fact]
    public void Training_from_a_cache_gives_the_same_bits()
    {
        IDataView data = Samples.View(_ml, 300);
        foreach (TrainerCase trainer in TrainerTable.Ours)
        {
            IDataView rows = trainer.Data(_ml, data);
            IEstimator<ITransformer> estimator = trainer.Create(_ml);
            Assert.Equal(Samples.ScoreBits(estimator.Fit(rows).Transform(rows)), Samples.ScoreBits(estimator.Fit(_ml.Data.Cache(rows)).Transform(rows)));
        }
    }

    private static string[] Describe(DataViewSchema schema) =>
        [.. schema.SelectMany(column => column.Annotations.Schema.Select(annotation => $"{column.Name}: {column.Type}, {annotation.Name}: {annotation.Type}").Order())];

    private void Check(IEstimator<ITransformer> estimator, TrainerCase trainer)
    {
        IDataView data = _ml.Data.Cache(trainer.Data(_ml, Samples.View(_ml, Rows)));
        IDataView Without(string column) => _ml.Transforms.DropColumns(column).Fit(data).Transform(data);
        IDataView With(string column, string other) => _ml.Transforms.CopyColumns(column, other).Fit(data).Transform(data);
        string features = trainer.Columns[0].Name;
        Conformance.Check(_ml, estimator, data, [.. trainer.Columns.SelectMany(column => new[] { Without(column.Name), With(column.Name, column.WrongType) })],
            [Without(features), With(features, trainer.Columns[0].WrongType), With(features, trainer.OtherSize)], features);
    }

    private sealed class Flawed(IEstimator<ITransformer> inner, string flaw) : IEstimator<ITransformer>
    {
        public ITransformer Fit(IDataView input) => Guarded(() => inner.Fit(input), () => null!);

        public SchemaShape GetOutputSchema(SchemaShape inputSchema) => Guarded(() => flaw switch
        {
            "promises too little" => new(inner.GetOutputSchema(inputSchema).Where(column => column.Name != "Score")),
            "promises too much" => new(inner.GetOutputSchema(inputSchema).Append(inputSchema.First())),
            _ => inner.GetOutputSchema(inputSchema),
        }, () => inputSchema);

        private T Guarded<T>(Func<T> action, Func<T> otherwise)
        {
            try
            {
                return action();
            }
            catch (ArgumentOutOfRangeException) when (flaw == "accepts what it cannot use")
            {
                return otherwise();
            }
            catch (ArgumentOutOfRangeException e) when (flaw == "fails with another type")
            {
                throw new ArgumentException(e.Message);
            }
        }
    }

    private sealed class FlawedFit(IEstimator<ITransformer> inner, string flaw) : IEstimator<ITransformer>
    {
        public ITransformer Fit(IDataView input) => new FlawedTransformer(inner.Fit(input), flaw);

        public SchemaShape GetOutputSchema(SchemaShape inputSchema) => inner.GetOutputSchema(inputSchema);
    }

    private sealed class FlawedTransformer(ITransformer inner, string flaw) : ITransformer
    {
        public bool IsRowToRowMapper => true;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => inner.GetOutputSchema(inputSchema);

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => inner.GetRowToRowMapper(inputSchema);

        public IDataView Transform(IDataView input) => new FlawedView(inner.Transform(input), flaw);

        void ICanSaveModel.Save(ModelSaveContext ctx) => ((ICanSaveModel)inner).Save(ctx);
    }

    private sealed class FlawedView(IDataView inner, string flaw) : IDataView
    {
        public DataViewSchema Schema => inner.Schema;

        public bool CanShuffle => inner.CanShuffle;

        public long? GetRowCount() => inner.GetRowCount();

        public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => flaw switch
        {
            "reads more than it needs" => inner.GetRowCursor(inner.Schema, rand),
            "gives other scores to a single cursor" when columnsNeeded.Count() == 1 => Advanced(inner.GetRowCursor(columnsNeeded, rand)),
            _ => inner.GetRowCursor(columnsNeeded, rand),
        };

        public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        {
            DataViewRowCursor[] cursors = inner.GetRowCursorSet(columnsNeeded, n, rand);
            return flaw == "forgets a row in sets of cursors" ? [Advanced(cursors[0]), .. cursors[1..]] : cursors;
        }

        private static DataViewRowCursor Advanced(DataViewRowCursor cursor)
        {
            cursor.MoveNext();
            return cursor;
        }
    }
}
