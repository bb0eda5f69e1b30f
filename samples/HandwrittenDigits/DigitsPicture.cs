using Backprop;
using Samples.Shared;
using SkiaSharp;

namespace HandwrittenDigits;

/// <summary>
/// Draws test digits with what the network took them for, some that it read correctly and its most confident mistakes, and what its
/// first layer looks for.
/// </summary>
internal sealed class DigitsPicture : IDisposable
{
    private const int Columns = 10;
    private const int Rows = 2;
    private const int PictureSize = 4 * DigitImage.Size;
    private const int Margin = 28;
    private const int Gap = 16;
    private const int TitleHeight = 44;
    private const int CaptionHeight = 44;
    private const int PartHeight = TitleHeight + Rows * (PictureSize + CaptionHeight + Gap);
    private const int FiltersHeight = TitleHeight + Rows * (PictureSize + Gap);

    private readonly Canvas _canvas = new(2 * Margin + Columns * PictureSize + (Columns - 1) * Gap, 2 * Margin + 2 * PartHeight + FiltersHeight - Gap);

    /// <summary>Writes the picture as a PNG file.</summary>
    public static void Save(string path, IEnumerable<DigitPrediction> predictions, Network network)
    {
        const int Shown = Columns * Rows;
        ILookup<bool, DigitPrediction> byOutcome = predictions.ToLookup(prediction => prediction.IsRight);
        DigitPrediction[] right = [.. byOutcome[true]
            .GroupBy(prediction => prediction.Digit).OrderBy(digit => digit.Key).SelectMany(digit => digit.Take(Shown / 10))];
        DigitPrediction[] wrong = [.. byOutcome[false].OrderByDescending(prediction => prediction.Probability).Take(Shown)];

        using var picture = new DigitsPicture();
        picture.DrawPart(Margin, $"Read correctly: {right.Length} of {byOutcome[true].Count():N0}, with the digit read and its probability", right);
        picture.DrawPart(Margin + PartHeight, $"Read wrongly: {wrong.Length} of {byOutcome[false].Count():N0}, the most confident mistakes first", wrong);
        picture.DrawFilters(Margin + 2 * PartHeight, network);
        picture._canvas.Write(path);
    }

    public void Dispose() => _canvas.Dispose();

    private static SKRect Frame(int i, int top, int rowHeight) =>
        SKRect.Create(Margin + i % Columns * (PictureSize + Gap), top + TitleHeight + i / Columns * (rowHeight + Gap), PictureSize, PictureSize);

    private void DrawPart(int top, string title, DigitPrediction[] predictions)
    {
        _canvas.DrawText(title, Margin, top + 20, 20, Canvas.Ink);
        for (int i = 0; i < predictions.Length; i++)
            DrawDigit(predictions[i], Frame(i, top, PictureSize + CaptionHeight));
    }

    private void DrawDigit(DigitPrediction prediction, SKRect frame)
    {
        SKColor colour = prediction.IsRight ? Canvas.Right : Canvas.Wrong;
        using (SKImage image = ToImage(prediction.Pixels))
            _canvas.DrawImage(image, frame);
        _canvas.DrawFrame(frame, colour, prediction.IsRight ? 1 : 3);

        int x = (int)frame.Left, y = (int)frame.Bottom;
        _canvas.DrawText($"{prediction.PredictedDigit}", x, y + 26, 26, colour);
        string probability = FormattableString.Invariant($"{100 * prediction.Probability:0.0} %");
        if (prediction.IsRight)
        {
            _canvas.DrawText(probability, x + 24, y + 25, 13, colour);
        }
        else
        {
            _canvas.DrawText(probability, x + 24, y + 18, 13, colour);
            _canvas.DrawText($"really {prediction.Digit}", x + 24, y + 35, 13, Canvas.Ink);
        }
    }

    private void DrawFilters(int top, Network network)
    {
        SKImage[] filters = Filters.Of(network, DigitImage.Size, DigitImage.Size);
        int shown = Math.Min(filters.Length, Columns * Rows);
        _canvas.DrawText($"What the first layer looks for: {(shown < filters.Length ? $"{shown} of its {filters.Length} units" : $"its {shown} filters")}; red wants ink, blue wants paper", Margin, top + 20, 20, Canvas.Ink);
        for (int i = 0; i < shown; i++)
        {
            SKRect frame = Frame(i, top, PictureSize);
            _canvas.DrawImage(filters[i], frame, isSmooth: false);
            _canvas.DrawFrame(frame, Canvas.Ink, 1);
        }
        foreach (SKImage filter in filters)
            filter.Dispose();
    }

    /// <summary>Dark ink on white paper.</summary>
    private static SKImage ToImage(float[] pixels)
    {
        byte[] grey = [.. pixels.Select(ink => (byte)MathF.Round(255 * (1 - ink)))];
        return SKImage.FromPixelCopy(new SKImageInfo(DigitImage.Size, DigitImage.Size, SKColorType.Gray8), grey);
    }
}
