using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;

namespace WebServiceLoad;

/// <summary>The service in a process of its own, on a free port of this machine's loopback.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5); // it may have to train

    private readonly Process _process;
    private readonly string _folder;
    private readonly HttpClient _http = new();

    private ServiceProcess(Process process, string folder) => (_process, _folder) = (process, folder);

    public int Port { get; private set; }

    /// <summary>The processor time it has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Its working set in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Starts it and waits until it can predict.</summary>
    public static async Task<ServiceProcess> StartAsync(string? model)
    {
        string folder = Directory.CreateTempSubdirectory("web-service-load").FullName;
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            ArgumentList = { Path.Combine(AppContext.BaseDirectory, "WebService.dll"), "--urls", "http://127.0.0.1:0", $"--Digits:ModelPath={Path.GetFullPath(model ?? Path.Combine(folder, "digits.zip"))}" },
        };
        var service = new ServiceProcess(Process.Start(start)!, folder);
        try
        {
            var port = new TaskCompletionSource<int>();
            service._process.OutputDataReceived += (_, line) =>
            {
                const string Listening = "Now listening on: http://127.0.0.1:";
                if (line.Data is null)
                    port.TrySetException(new InvalidOperationException("The service ended."));
                else if (line.Data.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var at)
                    port.TrySetResult(int.Parse(line.Data.AsSpan(at + Listening.Length)));
            };
            service._process.BeginOutputReadLine();
            service.Port = await port.Task.WaitAsync(Patience);
            await service.WaitUntilReadyAsync();
            return service;
        }
        catch
        {
            service.Dispose();
            throw;
        }
    }

    /// <summary>What the service takes each image for: what it must say under load as well.</summary>
    public async Task<int[]> LabelsAsync(byte[][] images)
    {
        using var body = new ByteArrayContent([.. images.SelectMany(image => image)]);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using HttpResponseMessage response = await _http.PostAsync($"http://127.0.0.1:{Port}/predict/batch", body);
        using JsonDocument answer = JsonDocument.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync());
        return [.. answer.RootElement.GetProperty("predictions").EnumerateArray().Select(prediction => prediction.GetProperty("label").GetInt32())];
    }

    /// <summary>What the service says of its memory: the bytes of its managed heap, and how often its collector has run.</summary>
    public async Task<(long ManagedHeap, int Collections)> CollectorAsync()
    {
        using JsonDocument health = JsonDocument.Parse(await _http.GetStringAsync($"http://127.0.0.1:{Port}/health"));
        JsonElement memory = health.RootElement.GetProperty("memory");
        return (memory.GetProperty("managedHeap").GetInt64(), memory.GetProperty("collections").GetInt32());
    }

    public void Dispose()
    {
        _http.Dispose();
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task WaitUntilReadyAsync()
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Patience; await Task.Delay(200))
        {
            using HttpResponseMessage response = await _http.GetAsync($"http://127.0.0.1:{Port}/health");
            if (response.IsSuccessStatusCode)
                return;
            string health = await response.Content.ReadAsStringAsync();
            if (health.Contains("unavailable"))
                throw new InvalidOperationException($"The service has no model: {health}");
        }
        throw new TimeoutException("The service did not become ready.");
    }
}
