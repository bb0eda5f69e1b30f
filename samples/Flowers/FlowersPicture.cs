using Backprop;
using Samples.Shared;
using SkiaSharp;

namespace Flowers;

/// <summary>Draws all test photos with what the network took them for, a row a kind of flower, and the filters of its first layer.</summary>
internal sealed class FlowersPicture : IDisposable
{
    private const int Columns = 10;
    private const int PhotoSize = 116;
    private const int FilterSize = 67;
    private const int Margin = 28;
    private const int Gap = 12;
    private const int TitleHeight = 44;
    private const int CaptionHeight = 40;
    private const int NameHeight = 26;
    private const int RowHeight = NameHeight + PhotoSize + CaptionHeight + Gap;
    private const int FiltersPerRow = (Columns * (PhotoSize + Gap) - Gap) / (FilterSize + Gap);

    private readonly Canvas _canvas;

    private FlowersPicture(int rows, int filters) => _canvas = new Canvas(
        2 * Margin + Columns * (PhotoSize + Gap) - Gap, 2 * Margin + 2 * TitleHeight + rows * RowHeight + (filters + FiltersPerRow - 1) / FiltersPerRow * (FilterSize + Gap));

    /// <summary>Writes the picture as a PNG file.</summary>
    public static void Save(string path, IReadOnlyList<PhotoPrediction> predictions, Network network, int imageSize)
    {
        SKImage[] filters = Filters.Of(network, imageSize, imageSize);
        IGrouping<string, PhotoPrediction>[] flowers = [.. predictions.GroupBy(prediction => prediction.Flower).OrderBy(flower => flower.Key, StringComparer.Ordinal)];
        using var picture = new FlowersPicture(flowers.Length, filters.Length);
        int top = Margin;
        picture._canvas.DrawText($"Test photos, {predictions.Count(prediction => prediction.IsRight)} of {predictions.Count} recognised: green is right, red is wrong", Margin, top + 20, 20, Canvas.Ink);
        top += TitleHeight;
        foreach (IGrouping<string, PhotoPrediction> flower in flowers)
        {
            picture.DrawRow(top, flower);
            top += RowHeight;
        }

        picture._canvas.DrawText($"The {filters.Length} filters of the first layer, each at full contrast", Margin, top + 20, 20, Canvas.Ink);
        top += TitleHeight;
        for (int i = 0; i < filters.Length; i++)
        {
            var frame = SKRect.Create(Margin + i % FiltersPerRow * (FilterSize + Gap), top + i / FiltersPerRow * (FilterSize + Gap), FilterSize, FilterSize);
            picture._canvas.DrawImage(filters[i], frame);
            picture._canvas.DrawFrame(frame, Canvas.Ink, 1);
            filters[i].Dispose();
        }
        picture._canvas.Write(path);
    }

    public void Dispose() => _canvas.Dispose();

    private void DrawRow(int top, IGrouping<string, PhotoPrediction> flower)
    {
        _canvas.DrawText($"{flower.Key}: {flower.Count(prediction => prediction.IsRight)} of {flower.Count()}", Margin, top + 16, 15, Canvas.Ink);
        int x = Margin;
        foreach (PhotoPrediction prediction in flower.Take(Columns))
        {
            DrawPhoto(prediction, SKRect.Create(x, top + NameHeight, PhotoSize, PhotoSize));
            x += PhotoSize + Gap;
        }
    }

    private void DrawPhoto(PhotoPrediction prediction, SKRect frame)
    {
        SKColor colour = prediction.IsRight ? Canvas.Right : Canvas.Wrong;
        using (SKImage photo = SKImage.FromEncodedData(prediction.Path))
        using (SKImage square = photo.Subset(Middle(photo)))
            _canvas.DrawImage(square, frame);
        _canvas.DrawFrame(frame, colour, 4);
        _canvas.DrawText(prediction.PredictedFlower, (int)frame.Left, (int)frame.Bottom + 18, 15, colour);
        _canvas.DrawText(FormattableString.Invariant($"{100 * prediction.Probability:0} %"), (int)frame.Left, (int)frame.Bottom + 34, 13, colour);
    }

    /// <summary>The square in the middle, which is what the network sees.</summary>
    private static SKRectI Middle(SKImage photo)
    {
        int size = Math.Min(photo.Width, photo.Height);
        return SKRectI.Create((photo.Width - size) / 2, (photo.Height - size) / 2, size, size);
    }
}
