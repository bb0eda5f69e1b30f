namespace WebService.Models;

/// <summary>Writes a file so that at any moment, even after a power failure, the old one or the whole new one is there.</summary>
internal static class AtomicFile
{
    /// <exception cref="IOException">It cannot be written; the old file is still there.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp"; // in the same folder: a move between disks is a copy
        try
        {
            using (FileStream stream = File.Create(temporary))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
