using Microsoft.Extensions.Options;
using WebService.Api;
using WebService.Models;

namespace WebService;

/// <summary>Puts the service together.</summary>
internal static class DigitService
{
    /// <summary>The service, not yet started. <paramref name="configure"/> has the last word.</summary>
    /// <exception cref="ArgumentException">An option has a value that cannot be.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        // The page and the settings stand beside the program, wherever it is started from.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = PredictEndpoints.BodyLimit;
            kestrel.Limits.MaxConcurrentConnections = 4096;
        });

        var options = new DigitsOptions();
        try
        {
            builder.Configuration.GetSection("Digits").Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException(e.Message, e); // such as a word where a number belongs
        }
        options.Check();

        builder.Services.AddSingleton(Options.Create(options));
        builder.Services.AddSingleton<ModelHost>();
        builder.Services.AddSingleton<PredictEndpoints>();
        builder.Services.AddHostedService<ModelService>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10)); // for requests under way
        builder.Services.AddProblemDetails();
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ServiceJson.Default));

        configure?.Invoke(builder);
        WebApplication app = builder.Build();
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = Problems.WriteUnexpectedAsync });
        app.UseStatusCodePages(context => Problems.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode)); // 404 and 405
        app.UseFileServer(Page.Options(app.Environment));

        PredictEndpoints predict = app.Services.GetRequiredService<PredictEndpoints>();
        app.MapPost("/predict", predict.PredictAsync);
        app.MapPost("/predict/batch", predict.PredictBatchAsync).WithMetadata(new BodySizeLimit(predict.BatchBodyLimit));
        app.MapGet("/health", HealthEndpoint.GetAsync);
        return app;
    }
}
