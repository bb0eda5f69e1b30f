using Microsoft.Extensions.Logging;
using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>A new file is noticed whether or not the system tells of it.</summary>
public sealed class ModelFileWatchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("watch-tests").FullName;

    private string FilePath => Path.Combine(_folder, "digits.zip");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(PlatformNotSupportedException))]
    [InlineData(typeof(UnauthorizedAccessException))]
    public async Task WithoutAWatcherItLooksFromTimeToTime(Type failure)
    {
        var log = new WarningLog();
        using var watch = new ModelFileWatch(FilePath, TimeSpan.FromMilliseconds(100), log, (_, _) => throw (Exception)Activator.CreateInstance(failure, "no watches are left")!);
        string warning = Assert.Single(log.Warnings);
        Assert.Contains("no watches are left", warning);
        Assert.Contains("every 0.1 s", warning);
        await NoticesAsync(watch);
    }

    // By the interval alone it would take an hour.
    [Fact]
    public async Task WithAWatcherItNeedNotWaitForTheNextLook()
    {
        var log = new WarningLog();
        using var watch = new ModelFileWatch(FilePath, TimeSpan.FromHours(1), log);
        Assert.Empty(log.Warnings); // a machine without watches left fails here, and says so
        await NoticesAsync(watch);
    }

    [Fact]
    public async Task AWatcherThatBreaksDownLaterIsReportedAndTheFileStillLookedAt()
    {
        var log = new WarningLog();
        var watcher = new BreakingWatcher(_folder);
        using var watch = new ModelFileWatch(FilePath, TimeSpan.FromMilliseconds(100), log, (_, _) => watcher);
        watcher.Break();
        Assert.Contains("the folder is gone", Assert.Single(log.Warnings));
        watcher.EnableRaisingEvents = false;
        await NoticesAsync(watch);
    }

    [Fact]
    public async Task AFileThatGrowsIsLeftUntilItIsCalm()
    {
        using var watch = new ModelFileWatch(FilePath, TimeSpan.FromMilliseconds(20), new WarningLog(), (_, _) => throw new IOException());
        Task<FileStamp> found = watch.WaitForOtherThanAsync(default, CancellationToken.None);
        using (var stream = new FileStream(FilePath, FileMode.Create, FileAccess.Write, FileShare.Read))
        {
            for (int i = 0; i < 20; i++)
            {
                stream.Write(new byte[1000]);
                stream.Flush();
                await Task.Delay(20);
            }
        }
        FileStamp stamp = await found.WaitAsync(TimeSpan.FromMinutes(1));
        if (stamp.Length < 20_000) // this machine stood still for as long as a calm file does: then the rest is noticed as well
            stamp = await watch.WaitForOtherThanAsync(stamp, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(20_000, stamp.Length);
    }

    [Fact]
    public async Task WaitingEndsWhenTheServiceDoes()
    {
        using var watch = new ModelFileWatch(FilePath, TimeSpan.FromHours(1), new WarningLog(), (_, _) => throw new IOException());
        using var end = new CancellationTokenSource();
        Task<FileStamp> found = watch.WaitForOtherThanAsync(default, end.Token);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => found);
    }

    /// <summary>A file that appears, changes, disappears and comes back is noticed each time it is there anew.</summary>
    private async Task NoticesAsync(ModelFileWatch watch)
    {
        FileStamp known = default;
        foreach (int length in new[] { 10, 20, 0, 30 })
        {
            if (length == 0)
            {
                File.Delete(FilePath);
                continue;
            }
            Task<FileStamp> found = watch.WaitForOtherThanAsync(known, CancellationToken.None);
            await Task.Delay(50);
            Assert.False(found.IsCompleted);
            File.WriteAllBytes(FilePath + ".new", new byte[length]);
            File.Move(FilePath + ".new", FilePath, overwrite: true);
            known = await found.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(length, known.Length);
        }
    }

    private sealed class BreakingWatcher(string folder) : FileSystemWatcher(folder)
    {
        public void Break() => OnError(new ErrorEventArgs(new IOException("the folder is gone")));
    }

    private sealed class WarningLog : ILogger
    {
        public List<string> Warnings { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Warning)
                Warnings.Add(formatter(state, exception));
        }
    }
}
