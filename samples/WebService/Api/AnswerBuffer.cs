using System.Buffers;
using System.Text.Json;
using WebService.Models;

namespace WebService.Api;

/// <summary>Puts an answer's JSON together in memory that is used again.</summary>
internal sealed class AnswerBuffer
{
    private readonly ArrayBufferWriter<byte> _buffer = new(512);
    private readonly Utf8JsonWriter _writer;
    private readonly Prediction _prediction = new();

    public AnswerBuffer() => _writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions { SkipValidation = true });

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        _buffer.ResetWrittenCount();
        _writer.Reset();
    }

    /// <summary>The answer to one image.</summary>
    public void Write(float[] probabilities, string modelVersion)
    {
        Fill(probabilities, modelVersion);
        JsonSerializer.Serialize(_writer, _prediction, ServiceJson.Default.Prediction);
    }

    public void BeginBatch(string modelVersion)
    {
        _writer.WriteStartObject();
        _writer.WriteString("model"u8, modelVersion);
        _writer.WriteStartArray("predictions"u8);
    }

    /// <summary>The answer to an image of a batch.</summary>
    public void WriteOfBatch(float[] probabilities)
    {
        Fill(probabilities, modelVersion: null);
        JsonSerializer.Serialize(_writer, _prediction, ServiceJson.Default.Prediction);
    }

    public void EndBatch()
    {
        _writer.WriteEndArray();
        _writer.WriteEndObject();
    }

    /// <summary>Hands the answer to a response, which sends it when it is flushed.</summary>
    public void CopyTo(HttpResponse response)
    {
        _writer.Flush();
        response.ContentType = "application/json";
        response.ContentLength = _buffer.WrittenCount;
        response.BodyWriter.Write(_buffer.WrittenSpan);
    }

    private void Fill(float[] probabilities, string? modelVersion)
    {
        _prediction.Label = DigitReader.Label(probabilities);
        _prediction.Probabilities = probabilities;
        _prediction.Model = modelVersion;
    }
}
