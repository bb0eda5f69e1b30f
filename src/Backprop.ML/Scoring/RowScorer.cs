using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Scores the row that another row or cursor stands on, when it is asked to and once a position. After the first row nothing is
/// allocated. It belongs to its row: for the use of one thread, like the row.
/// </summary>
internal sealed class RowScorer : IScoredRow
{
    private readonly ScoringSchema _schema;
    private readonly DataViewRow _row;
    private readonly ValueGetter<VBuffer<float>> _getFeatures;
    private readonly float[] _features;
    private readonly float[] _scores;
    private VBuffer<float> _vector;
    private long _scoredPosition = -1;

    public RowScorer(ScoringSchema schema, DataViewRow row)
    {
        _schema = schema;
        _row = row;
        _getFeatures = row.GetGetter<VBuffer<float>>(schema.Feature);
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
                _getFeatures(ref _vector);
                if (_vector.IsDense && _vector.Length == _features.Length)
                {
                    _schema.Scorer.Score(_vector.GetValues(), _scores);
                }
                else
                {
                    _schema.CopyFeatures(_vector, _features);
                    _schema.Scorer.Score(_features, _scores);
                }
                _scoredPosition = position;
            }
            return _scores;
        }
    }
}
