using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace WebService.Api;

/// <summary>Answers with problem details (RFC 9457).</summary>
internal static class Problems
{
    private const string ContentType = "application/problem+json";

    /// <summary>Answers with a status and what there is to say about it.</summary>
    public static Task WriteAsync(HttpContext context, int status, string? detail = null)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.XContentTypeOptions = "nosniff"; // it may say what the caller sent
        context.Response.Headers.CacheControl = "no-store";
        if (status == StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = "1";
        detail ??= status switch
        {
            StatusCodes.Status404NotFound => $"There is nothing at {context.Request.Path}. The API is POST /predict, POST /predict/batch and GET /health.",
            StatusCodes.Status405MethodNotAllowed => $"{context.Request.Path} does not take {context.Request.Method}; the Allow header says what it takes.",
            _ => null,
        };
        var problem = new ProblemDetails { Status = status, Title = ReasonPhrases.GetReasonPhrase(status), Detail = detail };
        return context.Response.WriteAsJsonAsync(problem, ServiceJson.Default.ProblemDetails, ContentType, context.RequestAborted);
    }

    /// <summary>Answers a request that threw. Only Kestrel's own refusals are for the caller; the rest stands in the log.</summary>
    public static Task WriteUnexpectedAsync(HttpContext context)
    {
        Exception? exception = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        return exception is BadHttpRequestException refusal
            ? WriteAsync(context, refusal.StatusCode, refusal.Message)
            : WriteAsync(context, StatusCodes.Status500InternalServerError, "Something went wrong in the service. Its log says what.");
    }
}
