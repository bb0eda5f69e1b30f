using System.Diagnostics;
using Backprop;
using WebService.Models;

namespace WebService.Api;

/// <summary>GET /health: 200 if the service can predict, 503 if it cannot yet; it says why, and how it is.</summary>
internal static class HealthEndpoint
{
    private static readonly long Start = Stopwatch.GetTimestamp();

    public static Task GetAsync(HttpContext context)
    {
        ModelHost host = context.RequestServices.GetRequiredService<ModelHost>();
        ServedModel? model = host.Enter();
        try
        {
            MemoryStatistics tensors = Device.Cpu.Memory;
            var health = new Health(
                model is null ? host.WhyNot.Status : "ready",
                model is null ? host.WhyNot.Detail : null,
                model is null ? null : new ModelHealth(model.Version, model.Written, model.Loaded, model.Readers.Limit, model.Readers.InUse),
                host.Refused,
                host.Predictions,
                (long)Stopwatch.GetElapsedTime(Start).TotalSeconds,
                new MemoryHealth(Environment.WorkingSet, GC.GetTotalMemory(false), tensors.BytesInUse + tensors.BytesIdle, GC.CollectionCount(0)));
            context.Response.StatusCode = model is null ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
            context.Response.Headers.CacheControl = "no-store";
            return context.Response.WriteAsJsonAsync(health, ServiceJson.Default.Health, cancellationToken: context.RequestAborted);
        }
        finally
        {
            model?.Leave();
        }
    }
}
