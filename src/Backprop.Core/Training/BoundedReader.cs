namespace Backprop.Training;

/// <summary>Reads bytes of a model whose stated lengths may be lies: what is only claimed costs no memory.</summary>
internal static class BoundedReader
{
    private const int FirstChunk = 1 << 16;

    /// <summary>Reads exactly so many bytes.</summary>
    /// <param name="stream">The model.</param>
    /// <param name="count">How many bytes there should be; at least 0.</param>
    /// <param name="offset">Where in the model they begin, for the message.</param>
    /// <param name="what">What they are, for the message.</param>
    /// <exception cref="InvalidModelException">There are fewer, or the compressed stream around them is damaged.</exception>
    public static byte[] Read(Stream stream, int count, long offset, string what)
    {
        var bytes = new byte[Math.Min(count, FirstChunk)];
        int read = 0;
        while (read < count)
        {
            if (read == bytes.Length)
                Array.Resize(ref bytes, (int)Math.Min(count, bytes.Length * 2L));
            int received;
            try
            {
                received = stream.Read(bytes, read, bytes.Length - read);
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidModelException($"the compressed bytes of its {what} are damaged", offset + read, exception);
            }

            if (received == 0)
                throw new InvalidModelException($"it ends within its {what}: {count} bytes were expected there, {read} are there", offset + read);
            read += received;
        }

        return bytes;
    }
}
