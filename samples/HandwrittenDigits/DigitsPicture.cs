using SkiaSharp;

namespace HandwrittenDigits;

/// <summary>Draws test digits with what the network took them for: some that it read correctly, and its most confident mistakes.</summary>
internal sealed class DigitsPicture : IDisposable
{
    private const int Columns = 10;
    private const int RowsPerPart = 2;
    private const int PictureSize = 4 * DigitImage.Size;
    private const int Margin = 28;
    private const int Gap = 16;
    private const int TitleHeight = 44;
    private const int CaptionHeight = 44;
    private const int PartHeight = TitleHeight + RowsPerPart * (PictureSize + CaptionHeight + Gap);

    private static readonly SKColor Paper = new(0xFF, 0xFF, 0xFF);
    private static readonly SKColor Ink = new(0x22, 0x22, 0x22);
    private static readonly SKColor Right = new(0x1B, 0x7F, 0x3B);
    private static readonly SKColor Wrong = new(0xC6, 0x28, 0x28);

    private readonly SKSurface _surface;
    private readonly SKTypeface _typeface;

    private DigitsPicture(int width, int height)
    {
        // The font comes with the program: a server often has none, and then text would silently not be drawn.
        using Stream font = typeof(DigitsPicture).Assembly.GetManifestResourceStream("DejaVuSansMono.ttf")!;
        _typeface = SKTypeface.FromStream(font);
        _surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        _surface.Canvas.Clear(Paper);
    }

    /// <summary>Writes the picture as a PNG file.</summary>
    public static void Save(string path, IEnumerable<DigitPrediction> predictions)
    {
        const int Shown = Columns * RowsPerPart;
        ILookup<bool, DigitPrediction> byOutcome = predictions.ToLookup(prediction => prediction.IsRight);
        DigitPrediction[] right = [.. byOutcome[true]
            .GroupBy(prediction => prediction.Digit).OrderBy(digit => digit.Key).SelectMany(digit => digit.Take(Shown / 10))];
        DigitPrediction[] wrong = [.. byOutcome[false].OrderByDescending(prediction => prediction.Probability).Take(Shown)];

        using var picture = new DigitsPicture(2 * Margin + Columns * PictureSize + (Columns - 1) * Gap, 2 * Margin + 2 * PartHeight - Gap);
        picture.DrawPart(Margin, $"Read correctly: {right.Length} of {byOutcome[true].Count():N0}, with the digit read and its probability", right);
        picture.DrawPart(Margin + PartHeight, $"Read wrongly: {wrong.Length} of {byOutcome[false].Count():N0}, the most confident mistakes first", wrong);
        picture.Write(path);
    }

    public void Dispose()
    {
        _surface.Dispose();
        _typeface.Dispose();
    }

    private void DrawPart(int top, string title, DigitPrediction[] predictions)
    {
        DrawText(title, Margin, top + 20, 20, Ink);
        for (int i = 0; i < predictions.Length; i++)
        {
            int x = Margin + i % Columns * (PictureSize + Gap);
            int y = top + TitleHeight + i / Columns * (PictureSize + CaptionHeight + Gap);
            DrawDigit(predictions[i], x, y);
        }
    }

    private void DrawDigit(DigitPrediction prediction, int x, int y)
    {
        SKColor colour = prediction.IsRight ? Right : Wrong;
        var frame = SKRect.Create(x, y, PictureSize, PictureSize);
        using (SKImage image = ToImage(prediction.Pixels))
        using (var smooth = new SKPaint { FilterQuality = SKFilterQuality.High })
            _surface.Canvas.DrawImage(image, frame, smooth);
        using (var pen = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = prediction.IsRight ? 1 : 3, IsAntialias = true })
            _surface.Canvas.DrawRect(frame, pen);

        DrawText($"{prediction.PredictedDigit}", x, y + PictureSize + 26, 26, colour);
        string probability = FormattableString.Invariant($"{100 * prediction.Probability:0.0} %");
        if (prediction.IsRight)
        {
            DrawText(probability, x + 24, y + PictureSize + 25, 13, colour);
        }
        else
        {
            DrawText(probability, x + 24, y + PictureSize + 18, 13, colour);
            DrawText($"really {prediction.Digit}", x + 24, y + PictureSize + 35, 13, Ink);
        }
    }

    private void DrawText(string text, int x, int baseline, int size, SKColor colour)
    {
        using var font = new SKFont(_typeface, size) { Edging = SKFontEdging.Antialias };
        using var paint = new SKPaint { Color = colour, IsAntialias = true };
        _surface.Canvas.DrawText(text, x, baseline, font, paint);
    }

    /// <summary>Dark ink on white paper.</summary>
    private static SKImage ToImage(float[] pixels)
    {
        byte[] grey = [.. pixels.Select(ink => (byte)MathF.Round(255 * (1 - ink)))];
        return SKImage.FromPixelCopy(new SKImageInfo(DigitImage.Size, DigitImage.Size, SKColorType.Gray8), grey);
    }

    private void Write(string path)
    {
        using SKImage image = _surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        using FileStream file = File.Create(path);
        png.SaveTo(file);
    }
}
