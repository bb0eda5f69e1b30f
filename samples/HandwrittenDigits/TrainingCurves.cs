using System.Globalization;
using Backprop;
using SkiaSharp;

namespace HandwrittenDigits;

/// <summary>Draws the course of a training over its epochs: losses, metric, gradient norm, learning rate, a panel each.</summary>
internal sealed class TrainingCurves : IDisposable
{
    private const int Columns = 2, PanelWidth = 640, PanelHeight = 400;
    private const int Left = 92, Right = 24, Top = 54, Bottom = 62;

    private static readonly SKColor Paper = new(0xFF, 0xFF, 0xFF), Ink = new(0x22, 0x22, 0x22), Grid = new(0xE4, 0xE4, 0xE4), Quiet = new(0x77, 0x77, 0x77);
    private static readonly SKColor[] Colours = [new(0x1F, 0x5F, 0xA8), new(0xD5, 0x5E, 0x00)]; // also apart for the colour-blind

    private readonly TrainingHistory _history;
    private readonly SKSurface _surface;
    private readonly SKTypeface _typeface;

    private TrainingCurves(TrainingHistory history, int panels)
    {
        _history = history;

        // The font comes with the program: a server often has none, and then text would silently not be drawn.
        using Stream font = typeof(TrainingCurves).Assembly.GetManifestResourceStream("DejaVuSansMono.ttf")!;
        _typeface = SKTypeface.FromStream(font);
        _surface = SKSurface.Create(new SKImageInfo(Columns * PanelWidth, (panels + Columns - 1) / Columns * PanelHeight, SKColorType.Rgba8888, SKAlphaType.Opaque));
        _surface.Canvas.Clear(Paper);
    }

    /// <summary>Writes the curves as a PNG file.</summary>
    public static void Save(string path, TrainingHistory history)
    {
        Panel[] panels = [.. new Panel[]
        {
            new("Loss", "mean loss", [new("training", epoch => epoch.TrainingLoss), new("validation", epoch => epoch.ValidationLoss)]),
            new("Metric", "on the validation rows", [new("metric", epoch => epoch.Metric)]),
            new("Gradient", "norm of the gradient", [new("mean", epoch => epoch.MeanGradientNorm), new("largest", epoch => epoch.MaximumGradientNorm)]),
            new("Learning rate", "at the epoch's end", [new("learning rate", epoch => epoch.LearningRate)]),
        }.Select(panel => panel with { Series = [.. panel.Series.Where(series => history.Epochs.Any(epoch => series.Value(epoch) is { } value && float.IsFinite(value)))] })
            .Where(panel => panel.Series.Length > 0)];
        using var curves = new TrainingCurves(history, panels.Length);
        for (int i = 0; i < panels.Length; i++)
        {
            bool standsAlone = i == panels.Length - 1 && i % Columns == 0;
            curves.Draw(panels[i], i % Columns * PanelWidth, i / Columns * PanelHeight, standsAlone ? Columns * PanelWidth : PanelWidth);
        }

        curves.Write(path);
    }

    public void Dispose()
    {
        _surface.Dispose();
        _typeface.Dispose();
    }

    private void Draw(Panel panel, int x, int y, int width)
    {
        SKCanvas canvas = _surface.Canvas;
        var plot = new SKRect(x + Left, y + Top, x + width - Right, y + PanelHeight - Bottom);
        float[] values = [.. _history.Epochs.SelectMany(epoch => panel.Series.Select(series => series.Value(epoch))).OfType<float>().Where(float.IsFinite)];
        double step = NiceStep(values.Max(), 5), top = Math.Max(step, Math.Ceiling(values.Max() / step) * step);
        int epochs = _history.Epochs.Count, epochStep = Math.Max(1, (int)NiceStep(epochs, 8));
        float X(double epoch) => epochs == 1 ? plot.MidX : plot.Left + (float)((epoch - 1) / (epochs - 1)) * plot.Width;
        float Y(double value) => plot.Bottom - (float)(value / top) * plot.Height;

        DrawText(panel.Title, plot.Left, y + 32, 18, Ink, SKTextAlign.Left);
        for (int i = 0; i * step <= top * 1.001; i++)
        {
            DrawLine(plot.Left, Y(i * step), plot.Right, Y(i * step), i == 0 ? Ink : Grid);
            DrawText((i * step).ToString("0.######", CultureInfo.InvariantCulture), plot.Left - 8, Y(i * step) + 5, 13, Quiet, SKTextAlign.Right);
        }

        for (int epoch = 1; epoch <= epochs; epoch++)
            if (epoch == 1 || epoch % epochStep == 0)
            {
                DrawLine(X(epoch), plot.Bottom, X(epoch), plot.Bottom + 5, Ink);
                DrawText(epoch.ToString(CultureInfo.InvariantCulture), X(epoch), plot.Bottom + 22, 13, Quiet, SKTextAlign.Center);
            }

        DrawText("epoch", plot.MidX, plot.Bottom + 44, 14, Ink, SKTextAlign.Center);
        canvas.Save();
        canvas.RotateDegrees(-90, x + 22, plot.MidY);
        DrawText(panel.Axis, x + 22, plot.MidY, 14, Ink, SKTextAlign.Center);
        canvas.Restore();

        if (_history.BestEpoch > 0)
            DrawLine(X(_history.BestEpoch), plot.Top, X(_history.BestEpoch), plot.Bottom, Quiet, isDashed: true);
        for (int i = 0; i < panel.Series.Length; i++)
            DrawSeries(panel.Series[i], Colours[i], X, Y);
        DrawLegend(panel, plot.Right, y + 31);
    }

    private void DrawSeries(Series series, SKColor colour, Func<double, float> x, Func<double, float> y)
    {
        using var line = new SKPath();
        using var pen = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = 2.5f, StrokeJoin = SKStrokeJoin.Round, IsAntialias = true };
        using var dot = new SKPaint { Color = colour, IsAntialias = true };
        bool begins = true;
        foreach (EpochResult epoch in _history.Epochs)
        {
            if (series.Value(epoch) is not { } value || !float.IsFinite(value))
            {
                begins = true; // a gap
                continue;
            }

            var point = new SKPoint(x(epoch.Epoch), y(value));
            if (begins)
                line.MoveTo(point);
            else
                line.LineTo(point);
            begins = false;
            if (_history.Epochs.Count <= 40)
                _surface.Canvas.DrawCircle(point, 3.5f, dot);
        }

        _surface.Canvas.DrawPath(line, pen);
    }

    /// <summary>In the line of the title, from the right.</summary>
    private void DrawLegend(Panel panel, float right, float baseline)
    {
        const int Sample = 22, Space = 20;
        (string Name, SKColor Colour, bool IsDashed)[] entries =
            [.. panel.Series.Select((series, i) => (series.Name, Colours[i], false)), .. _history.BestEpoch > 0 ? new[] { ("weights kept", Quiet, true) } : []];
        foreach ((string name, SKColor colour, bool isDashed) in entries.Reverse())
        {
            float width = WidthOf(name, 13);
            DrawText(name, right, baseline, 13, Ink, SKTextAlign.Right);
            DrawLine(right - width - 6 - Sample, baseline - 4, right - width - 6, baseline - 4, colour, isDashed, isDashed ? 1 : 2.5f);
            right -= width + 6 + Sample + Space;
        }
    }

    /// <summary>1, 2 or 5 times a power of ten, such that about so many steps make the range.</summary>
    private static double NiceStep(double range, int steps)
    {
        if (!(range > 0))
            return 1;
        double rough = range / steps, unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / unit) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 } * unit;
    }

    private void DrawLine(float x0, float y0, float x1, float y1, SKColor colour, bool isDashed = false, float width = 1)
    {
        using SKPathEffect? dashes = isDashed ? SKPathEffect.CreateDash([5, 4], 0) : null;
        using var pen = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = width, PathEffect = dashes, IsAntialias = true };
        _surface.Canvas.DrawLine(x0, y0, x1, y1, pen);
    }

    private void DrawText(string text, float x, float baseline, int size, SKColor colour, SKTextAlign align)
    {
        using var font = new SKFont(_typeface, size) { Edging = SKFontEdging.Antialias };
        using var paint = new SKPaint { Color = colour, IsAntialias = true };
        float width = WidthOf(text, size);
        _surface.Canvas.DrawText(text, align switch { SKTextAlign.Right => x - width, SKTextAlign.Center => x - width / 2, _ => x }, baseline, font, paint);
    }

    private float WidthOf(string text, int size)
    {
        using var measure = new SKPaint { Typeface = _typeface, TextSize = size };
        return measure.MeasureText(text);
    }

    private void Write(string path)
    {
        using SKImage image = _surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        using FileStream file = File.Create(path);
        png.SaveTo(file);
    }

    /// <summary>A diagram of its own.</summary>
    private sealed record Panel(string Title, string Axis, Series[] Series);

    /// <summary>A curve: what it shows of an epoch.</summary>
    private sealed record Series(string Name, Func<EpochResult, float?> Value);
}
