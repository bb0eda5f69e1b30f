using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>A data view with the columns of a trainer, which have been checked. It can be gone over any number of times.</summary>
/// <param name="Host">Marks the errors.</param>
/// <param name="Columns">The columns.</param>
/// <param name="Data">The data view.</param>
/// <param name="Name">What the data are, for messages.</param>
internal sealed record Examples(IHost Host, TrainingColumns Columns, IDataView Data, string Name)
{
    /// <summary>The feature columns and their places in the row.</summary>
    public FeatureLayout Layout { get; } = FeatureLayout.Of(Data.Schema, Columns.Features);

    /// <summary>The label column.</summary>
    public LabelColumn Label { get; } = LabelColumn.Of(Host, Data.Schema, Columns.Label, Columns.Kind);

    /// <summary>Opens a cursor.</summary>
    /// <param name="throwIfCanceled">Called every few rows; throws if the reading is to stop.</param>
    public ExampleCursor Open(Action throwIfCanceled) => new(this, throwIfCanceled);

    /// <summary>Room for rows in memory.</summary>
    /// <param name="features">Receives the features.</param>
    public InMemoryData Room(FeatureRows features) => new(Layout, Label, Columns, features);
}
