using System.Globalization;

namespace Backprop;

/// <summary>
/// Two lengths in an image, vertical first: a window, a step, a margin. A single number stands for a square:
/// <c>MaxPool2d(2)</c> and <c>MaxPool2d((2, 2))</c> are the same.
/// </summary>
/// <param name="Height">Vertically, in pixels.</param>
/// <param name="Width">Horizontally, in pixels.</param>
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>A square.</summary>
    public static implicit operator Size2d(int side) => new(side, side);

    /// <summary>Height and width.</summary>
    public static implicit operator Size2d((int Height, int Width) size) => new(size.Height, size.Width);

    /// <summary>Height×width.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Height}×{Width}");
}
