using Microsoft.Extensions.Options;
using WebService.Models;

namespace WebService.Api;

/// <summary>POST /predict and POST /predict/batch.</summary>
internal sealed class PredictEndpoints(ModelHost host, IOptions<DigitsOptions> options)
{
    /// <summary>The most bytes of a request with one image: 784 numbers, each written out at length, and some room.</summary>
    public const int BodyLimit = 32 * 1024;

    private readonly TimeSpan _patience = TimeSpan.FromSeconds(options.Value.EngineWaitSeconds);
    private readonly int _batchLimit = options.Value.BatchLimit;

    /// <summary>The most bytes of a batch.</summary>
    public long BatchBodyLimit => (long)BodyLimit * _batchLimit;

    public Task PredictAsync(HttpContext context) => AnswerAsync(context, PredictOne);

    public Task PredictBatchAsync(HttpContext context) => AnswerAsync(context, PredictBatch);

    /// <summary>
    /// Reads the whole body first, so that a slow sender holds no engine, and sends the answer last, so that a slow receiver holds
    /// none either. In between nothing waits.
    /// </summary>
    private async Task AnswerAsync(HttpContext context, Func<DigitReader, bool, ReadOnlySpan<byte>, string, int> predict)
    {
        try
        {
            bool isJson = IsJson(context.Request);
            using RequestBody body = await RequestBody.ReadAsync(context.Request);
            ServedModel model = host.Enter() ?? throw new RequestException(StatusCodes.Status503ServiceUnavailable, host.WhyNot.Detail);
            try
            {
                using BoundedPool<DigitReader>.Lease lease = await model.Readers.RentAsync(_patience, context.RequestAborted);
                lease.Item.Answer.Clear();
                host.CountPredictions(predict(lease.Item, isJson, body.Bytes, model.Version));
                lease.Item.Answer.CopyTo(context.Response);
            }
            finally
            {
                model.Leave();
            }
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
        catch (RequestException e)
        {
            await Problems.WriteAsync(context, e.Status, e.Message);
        }
        catch (TimeoutException)
        {
            await Problems.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, $"All prediction engines were busy for {_patience.TotalSeconds} s.");
        }
        catch (BadHttpRequestException e)
        {
            await Problems.WriteAsync(context, e.StatusCode, Explain(context, e));
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone: there is nobody to answer.
        }
    }

    private static int PredictOne(DigitReader reader, bool isJson, ReadOnlySpan<byte> body, string version)
    {
        if (isJson)
            ImageParser.ReadJson(body, reader.Pixels);
        else
            ImageParser.ReadBytes(body, reader.Pixels);
        reader.Answer.Write(reader.Read(), version);
        return 1;
    }

    private int PredictBatch(DigitReader reader, bool isJson, ReadOnlySpan<byte> body, string version)
    {
        reader.Answer.BeginBatch(version);
        int images = isJson
            ? ImageParser.ReadJsonBatch(body, reader, _batchLimit, WritePrediction)
            : ImageParser.ReadBytesBatch(body, reader, _batchLimit, WritePrediction);
        reader.Answer.EndBatch();
        return images;
    }

    private static void WritePrediction(DigitReader reader) => reader.Answer.WriteOfBatch(reader.Read());

    /// <summary>JSON or bytes.</summary>
    /// <exception cref="RequestException">The body is neither.</exception>
    private static bool IsJson(HttpRequest request)
    {
        if (request.ContentType is "application/json" or "application/json; charset=utf-8" || request.HasJsonContentType() && HasUtf8(request))
            return true;
        if (request.ContentType == "application/octet-stream")
            return false;
        throw new RequestException(StatusCodes.Status415UnsupportedMediaType,
            $"The content type is {(string.IsNullOrEmpty(request.ContentType) ? "missing" : $"'{request.ContentType}'")}; it must be application/json (UTF-8) or application/octet-stream.");
    }

    private static bool HasUtf8(HttpRequest request) =>
        request.GetTypedHeaders().ContentType?.Encoding is null or System.Text.UTF8Encoding;

    private static string Explain(HttpContext context, BadHttpRequestException e)
    {
        if (e.StatusCode != StatusCodes.Status413PayloadTooLarge)
            return e.Message;
        long? limit = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;
        string found = context.Request.ContentLength is { } length ? $"has {length} bytes" : "is larger";
        return $"The body {found}; at most {limit} are taken.";
    }
}
