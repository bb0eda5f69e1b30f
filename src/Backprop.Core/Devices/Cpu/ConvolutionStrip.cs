using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Copies rows of an image with zeros on both sides, so that a window that sticks out of the image needs no test of its own.
/// </summary>
internal static unsafe class ConvolutionStrip
{
    // Rows whose distance is a multiple of this share few places in the cache.
    private const int CriticalStride = 1024;
    private const int CacheLine = 16;

    /// <summary>The distance of copied rows, in floats.</summary>
    public static nint Pitch(int width, int channels)
    {
        nint pitch = ((nint)width * channels + CacheLine - 1) / CacheLine * CacheLine;
        return pitch % CriticalStride == 0 ? pitch + CacheLine : pitch;
    }

    /// <summary>
    /// Copies pixels firstPixel to firstPixel + width − 1 of some rows of an image of the given width; those outside it are 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* image, int imageWidth, int channels, int firstRow, int rows, int firstPixel, int width, float* strip, nint pitch)
    {
        int left = Math.Clamp(-firstPixel, 0, width), copied = Math.Clamp(imageWidth - firstPixel, left, width) - left;
        float* source = image + ((nint)firstRow * imageWidth + firstPixel + left) * channels;
        for (int row = 0; row < rows; row++)
        {
            new Span<float>(strip, left * channels).Clear();
            new Span<float>(source, copied * channels).CopyTo(new Span<float>(strip + left * channels, copied * channels));
            new Span<float>(strip + (left + copied) * channels, (width - left - copied) * channels).Clear();
            source += (nint)imageWidth * channels;
            strip += pitch;
        }
    }
}
