namespace WebService.Models;

/// <summary>
/// Waits for a file to change: told by the system where it does that, and by looking at it from time to time, since network drives and
/// containers' volumes often do not tell.
/// </summary>
internal sealed class ModelFileWatch : IDisposable
{
    /// <summary>For so long a file must not have changed: it may still be being written.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromMilliseconds(200);

    private readonly string _path;
    private readonly TimeSpan _pollInterval;
    private readonly SemaphoreSlim _told = new(0, 1);
    private readonly FileSystemWatcher? _watcher;

    /// <param name="path">The file.</param>
    /// <param name="pollInterval">The time between two looks at it.</param>
    /// <param name="logger">Hears of it if the system does not tell of changes.</param>
    /// <param name="createWatcher">Makes the watcher of a folder and a file in it; null for the system's own.</param>
    public ModelFileWatch(string path, TimeSpan pollInterval, ILogger logger, Func<string, string, FileSystemWatcher>? createWatcher = null)
    {
        _path = path;
        _pollInterval = pollInterval;
        try
        {
            _watcher = (createWatcher ?? ((folder, name) => new FileSystemWatcher(folder, name)))(Path.GetDirectoryName(path)!, Path.GetFileName(path));
            _watcher.Changed += (_, _) => Tell();
            _watcher.Created += (_, _) => Tell();
            _watcher.Renamed += (_, _) => Tell();
            _watcher.Error += (_, e) => logger.WatchUnavailable(e.GetException().Message, pollInterval.TotalSeconds); // it may have stopped
            _watcher.EnableRaisingEvents = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException or ArgumentException)
        {
            logger.WatchUnavailable(e.Message, pollInterval.TotalSeconds); // such as when the system has no watches left
        }
    }

    /// <summary>What a look at the file shows of its content; default if there is none.</summary>
    public static FileStamp Look(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? new FileStamp(file.LastWriteTimeUtc, file.Length) : default;
    }

    /// <summary>Returns when the file is another than <paramref name="known"/>, exists, and has been calm for a moment.</summary>
    public async Task<FileStamp> WaitForOtherThanAsync(FileStamp known, CancellationToken cancellation)
    {
        while (true)
        {
            FileStamp found = Look(_path);
            if (found != known && found != default)
            {
                await Task.Delay(Calm, cancellation);
                if (Look(_path) == found)
                    return found;
            }
            else
            {
                await _told.WaitAsync(_pollInterval, cancellation);
            }
        }
    }

    public void Dispose()
    {
        _watcher?.Dispose();
        _told.Dispose();
    }

    private void Tell()
    {
        try
        {
            _told.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // It is told already, or nobody waits any more.
        }
    }
}

/// <summary>The time and length of a file.</summary>
internal readonly record struct FileStamp(DateTime Written, long Length);
