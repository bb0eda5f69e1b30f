using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>The service on a free port of the loopback, with a folder of its own for its model.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string _folder;

    private RunningService(string folder) => _folder = folder;

    public WebApplication App { get; private set; } = null!;

    public HttpClient Http { get; } = new() { Timeout = Patience };

    public string ModelPath => Path.Combine(_folder, "digits.zip");

    /// <summary>What was logged as an error.</summary>
    public ConcurrentQueue<string> LoggedErrors { get; } = new();

    public ModelHost Host => App.Services.GetRequiredService<ModelHost>();

    public Uri Address => new(App.Urls.Single());

    /// <summary>Starts it, with a model unless that is null, and then waits until it is ready.</summary>
    public static async Task<RunningService> StartAsync(byte[]? model, params string[] options)
    {
        var service = new RunningService(Directory.CreateTempSubdirectory("web-service-tests").FullName);
        if (model is not null)
            service.PutModel(model);
        service.App = DigitService.Build(
            ["--urls", "http://127.0.0.1:0", $"--Digits:ModelPath={service.ModelPath}", "--Digits:PollSeconds=0.5", .. options],
            builder => builder.Logging.ClearProviders().AddProvider(new ErrorLog(service.LoggedErrors)));
        await service.App.StartAsync();
        service.Http.BaseAddress = service.Address;
        if (model is not null)
            await service.WaitUntilAsync(health => health.GetProperty("status").GetString() == "ready");
        return service;
    }

    /// <summary>Puts a model file in place in one move.</summary>
    public void PutModel(byte[] model)
    {
        string temporary = $"{ModelPath}.new";
        File.WriteAllBytes(temporary, model);
        File.Move(temporary, ModelPath, overwrite: true);
    }

    public async Task<JsonElement> HealthAsync()
    {
        using HttpResponseMessage response = await Http.GetAsync("/health");
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    public async Task<JsonElement> WaitUntilAsync(Func<JsonElement, bool> condition)
    {
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            JsonElement health = await HealthAsync();
            if (condition(health))
                return health;
            Assert.True(clock.Elapsed < Patience, $"It did not come to that: {health}");
        }
    }

    public Task<HttpResponseMessage> PostAsync(string path, string contentType, byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return Http.PostAsync(path, content);
    }

    public Task<HttpResponseMessage> PostJsonAsync(string path, string json) => PostAsync(path, "application/json", Encoding.UTF8.GetBytes(json));

    /// <summary>The answer to an image that is sent as bytes.</summary>
    public async Task<Answer> PredictAsync(byte[] pixels)
    {
        using HttpResponseMessage response = await PostAsync("/predict", "application/octet-stream", pixels);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return Answer.Parse(body);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class ErrorLog(ConcurrentQueue<string> errors) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                errors.Enqueue(formatter(state, exception));
        }
    }
}

/// <summary>What the service says of an image.</summary>
internal sealed record Answer(int Label, float[] Probabilities, string? Model)
{
    public static Answer Parse(string json) => Of(JsonDocument.Parse(json).RootElement);

    public static Answer Of(JsonElement json) => new(
        json.GetProperty("label").GetInt32(),
        [.. json.GetProperty("probabilities").EnumerateArray().Select(probability => probability.GetSingle())],
        json.TryGetProperty("model", out JsonElement model) ? model.GetString() : null);
}
