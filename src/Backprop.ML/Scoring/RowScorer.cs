using Backprop.ML.Data;
using Microsoft.ML;

namespace Backprop.ML.Scoring;

/// <summary>
/// Scores the row that another row or cursor stands on, when it is asked to and once a position. After the first row nothing is
/// allocated. It belongs to its row: for the use of one thread, like the row.
/// </summary>
internal sealed class RowScorer : IScoredRow
{
    private readonly ScoringSchema _schema;
    private readonly DataViewRow _row;
    private readonly RowReader _reader;
    private readonly float[] _features;
    private readonly float[] _scores;
    private long _scoredPosition = -1;

    public RowScorer(ScoringSchema schema, DataViewRow row)
    {
        _schema = schema;
        _row = row;
        _reader = schema.CreateReader(row);
        _features = new float[schema.Scorer.FeatureCount];
        _scores = new float[schema.Scorer.Columns.NetworkOutputs];
    }

    public ReadOnlySpan<float> Scores
    {
        get
        {
            long position = _row.Position;
            if (position < 0)
                throw _schema.NoRow();
            if (position != _scoredPosition)
            {
                _scoredPosition = -1;
                _reader.Fetch();
                _schema.Scorer.Score(_reader.Values(_features), _scores);
                _scoredPosition = position;
            }
            return _scores;
        }
    }
}
