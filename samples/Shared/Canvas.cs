using SkiaSharp;

namespace Samples.Shared;

/// <summary>A white sheet to draw pictures and captions on.</summary>
internal sealed class Canvas : IDisposable
{
    public static readonly SKColor Ink = new(0x22, 0x22, 0x22);
    public static readonly SKColor Right = new(0x1B, 0x7F, 0x3B);
    public static readonly SKColor Wrong = new(0xC6, 0x28, 0x28);

    private readonly SKSurface _surface;
    private readonly SKTypeface _typeface;

    public Canvas(int width, int height)
    {
        // The font comes with the program: a server often has none, and then text would silently not be drawn.
        using Stream font = typeof(Canvas).Assembly.GetManifestResourceStream("DejaVuSansMono.ttf")!;
        _typeface = SKTypeface.FromStream(font);
        _surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        _surface.Canvas.Clear(SKColors.White);
    }

    public void Dispose()
    {
        _surface.Dispose();
        _typeface.Dispose();
    }

    public void DrawText(string text, int x, int baseline, int size, SKColor colour)
    {
        using var font = new SKFont(_typeface, size) { Edging = SKFontEdging.Antialias };
        using var paint = new SKPaint { Color = colour, IsAntialias = true };
        _surface.Canvas.DrawText(text, x, baseline, font, paint);
    }

    /// <summary>Draws a picture into a frame: smoothly, or with every pixel as a square.</summary>
    public void DrawImage(SKImage image, SKRect frame, bool isSmooth = true)
    {
        using var paint = new SKPaint { FilterQuality = isSmooth ? SKFilterQuality.High : SKFilterQuality.None };
        _surface.Canvas.DrawImage(image, frame, paint);
    }

    public void DrawFrame(SKRect frame, SKColor colour, int width)
    {
        using var pen = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = width, IsAntialias = true };
        _surface.Canvas.DrawRect(frame, pen);
    }

    /// <summary>Writes the sheet as a PNG file.</summary>
    public void Write(string path)
    {
        using SKImage image = _surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        using FileStream file = File.Create(path);
        png.SaveTo(file);
    }
}
