using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Scoring;

/// <summary>Adds the output columns to single rows.</summary>
internal sealed class ScoringMapper(IExceptionContext context, ScoringSchema schema) : IRowToRowMapper
{
    public DataViewSchema InputSchema => schema.Input;

    public DataViewSchema OutputSchema => schema.Output;

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) =>
        schema.Dependencies(schema.Mark(dependingColumns));

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        if (input.Schema != schema.Input)
        {
            throw context.Process(new InvalidOperationException(
                "The row's schema is not the one this mapper was made for: call GetRowToRowMapper with the schema of the row."));
        }
        return new ScoredRow(schema, input, schema.Mark(activeColumns), new RowUse(input, context));
    }
}
