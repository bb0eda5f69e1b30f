using System.Numerics.Tensors;
using Microsoft.ML;
using WebService.Api;

namespace WebService.Models;

/// <summary>
/// A prediction engine with the image it reads and the answer it gives, all of which the next request uses again. For one request at
/// a time, like the engine.
/// </summary>
internal sealed class DigitReader(PredictionEngine<DigitImage, DigitScores> engine) : IDisposable
{
    private readonly DigitImage _image = new();
    private DigitScores _scores = new();

    /// <summary>The image to read, row by row, from 0 (paper) to 1 (ink).</summary>
    public Span<float> Pixels => _image.Pixels;

    /// <summary>Where the answer to the request is put together.</summary>
    public AnswerBuffer Answer { get; } = new();

    /// <summary>The probabilities of the ten digits in the image. Valid until the next call.</summary>
    public float[] Read()
    {
        engine.Predict(_image, ref _scores);
        return _scores.Score;
    }

    /// <summary>The likeliest digit.</summary>
    public static int Label(ReadOnlySpan<float> probabilities) => TensorPrimitives.IndexOfMax(probabilities);

    public void Dispose() => engine.Dispose();
}
