namespace Backprop.Training;

/// <summary>Writes a whole file or none: an old one stays until the new one is complete.</summary>
internal static class AtomicFile
{
    /// <exception cref="IOException">The file cannot be written; an old one is untouched.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string temporary = path + ".tmp-" + Guid.NewGuid().ToString("N")[..8];
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew))
            {
                if (!OperatingSystem.IsWindows() && File.Exists(path))
                    File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(path)); // what only some could read stays so
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (UnauthorizedAccessException exception) // a folder that is read-only, or a folder of that name
        {
            throw new IOException($"The file '{path}' cannot be written: {exception.Message}", exception);
        }
        finally
        {
            File.Delete(temporary); // there only if something failed
        }
    }
}
