using System.Buffers.Binary;
using System.Collections;
using System.IO.Compression;

namespace HandwrittenDigits;

/// <summary>
/// The pictures of MNIST, read from its two compressed idx files whenever they are enumerated. LoadFromEnumerable makes an IDataView
/// of it, so no more than one picture is in memory at a time unless someone keeps them.
/// </summary>
/// <remarks>An idx file is a magic number, the size of each dimension (all big-endian, four bytes), then the values, a byte each.</remarks>
internal sealed class MnistImages : IEnumerable<DigitImage>
{
    private const int ImagesMagic = 0x0803; // bytes (08) in three dimensions (03): picture, row, column
    private const int LabelsMagic = 0x0801; // bytes in one dimension

    private readonly string _imagesPath;
    private readonly string _labelsPath;

    private MnistImages(string directory, string part)
    {
        _imagesPath = Existing(Path.Combine(directory, $"{part}-images-idx3-ubyte.gz"));
        _labelsPath = Existing(Path.Combine(directory, $"{part}-labels-idx1-ubyte.gz"));
    }

    /// <summary>The 60,000 pictures to learn from.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static MnistImages Training(string directory) => new(directory, "train");

    /// <summary>The 10,000 pictures to test with.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static MnistImages Test(string directory) => new(directory, "t10k");

    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="InvalidDataException">A file is not what it should be.</exception>
    public IEnumerator<DigitImage> GetEnumerator()
    {
        using Stream images = Open(_imagesPath, ImagesMagic, out int count);
        using Stream labels = Open(_labelsPath, LabelsMagic, out int labelCount);
        if (labelCount != count)
            throw new InvalidDataException($"'{_imagesPath}' has {count} pictures, but '{_labelsPath}' has {labelCount} labels.");

        byte[] pixels = new byte[DigitImage.Size * DigitImage.Size];
        byte[] label = new byte[1];
        for (int i = 0; i < count; i++)
        {
            Read(images, pixels, _imagesPath);
            Read(labels, label, _labelsPath);
            var image = new DigitImage { Digit = label[0] };
            for (int j = 0; j < pixels.Length; j++)
                image.Pixels[j] = pixels[j] / 255f;
            yield return image;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Looked for at once: a missing test file is not to show up after the training.</summary>
    private static string Existing(string path) =>
        File.Exists(path) ? path : throw new FileNotFoundException($"The data file '{Path.GetFullPath(path)}' is missing.");

    private static Stream Open(string path, int magic, out int count)
    {
        var stream = new BufferedStream(new GZipStream(File.OpenRead(path), CompressionMode.Decompress), 1 << 16);
        try
        {
            if (ReadNumber(stream, path) != magic)
                throw new InvalidDataException($"'{path}' is not an idx file of the expected kind.");
            count = ReadNumber(stream, path);
            if (magic == ImagesMagic && (ReadNumber(stream, path), ReadNumber(stream, path)) is not (DigitImage.Size, DigitImage.Size))
                throw new InvalidDataException($"'{path}' has pictures of another size than {DigitImage.Size} x {DigitImage.Size}.");
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static int ReadNumber(Stream stream, string path)
    {
        Span<byte> bytes = stackalloc byte[4];
        Read(stream, bytes, path);
        return BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    private static void Read(Stream stream, Span<byte> bytes, string path)
    {
        try
        {
            stream.ReadExactly(bytes);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new InvalidDataException($"'{path}' ends too early or is damaged.", e);
        }
    }
}
