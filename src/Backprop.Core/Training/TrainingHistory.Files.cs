using System.Globalization;
using System.Text;
using System.Text.Json;
using Backprop.Training;

namespace Backprop;

// The record of a run as CSV, for spreadsheets, and as JSON, which can be read back. Numbers are written so that they are
// read back exactly, with a point, whatever the culture; what is missing is empty or null. Gradient reports are left out.
public sealed partial record TrainingHistory
{
    private const string CsvHeader = "epoch,training_loss,validation_loss,metric,learning_rate,mean_gradient_norm,maximum_gradient_norm,seconds";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>The epochs as CSV (RFC 4180), a line each, under the names of the columns. Times are in seconds.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder(CsvHeader).Append("\r\n");
        foreach (EpochResult epoch in Epochs)
            text.AppendJoin(',', epoch.Epoch.ToString(CultureInfo.InvariantCulture), Field(epoch.TrainingLoss), Field(epoch.ValidationLoss), Field(epoch.Metric), Field(epoch.LearningRate),
                Field(epoch.MeanGradientNorm), Field(epoch.MaximumGradientNorm), Seconds(epoch.Duration).ToString(CultureInfo.InvariantCulture)).Append("\r\n");
        return text.ToString();
    }

    /// <summary>The whole record as JSON.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        SaveJson(stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Writes the CSV to a stream, in UTF-8.</summary>
    public void SaveCsv(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Write(Utf8.GetBytes(ToCsv()));
    }

    /// <summary>Writes the CSV to a file, atomically: an old file stays until the new one is complete.</summary>
    /// <exception cref="IOException">The file cannot be written; an old one is untouched.</exception>
    public void SaveCsv(string path) => AtomicFile.Write(path, SaveCsv);

    /// <summary>Writes the JSON to a stream, in UTF-8.</summary>
    public void SaveJson(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteNumber("best_epoch", BestEpoch);
        json.WriteString("stop_reason", StopReason.ToString());
        json.WriteStartArray("epochs");
        foreach (EpochResult epoch in Epochs)
        {
            json.WriteStartObject();
            json.WriteNumber("epoch", epoch.Epoch);
            Write(json, "training_loss", epoch.TrainingLoss);
            Write(json, "validation_loss", epoch.ValidationLoss);
            Write(json, "metric", epoch.Metric);
            Write(json, "learning_rate", epoch.LearningRate);
            Write(json, "mean_gradient_norm", epoch.MeanGradientNorm);
            Write(json, "maximum_gradient_norm", epoch.MaximumGradientNorm);
            json.WriteNumber("seconds", Seconds(epoch.Duration));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes the JSON to a file, atomically: an old file stays until the new one is complete.</summary>
    /// <exception cref="IOException">The file cannot be written; an old one is untouched.</exception>
    public void SaveJson(string path) => AtomicFile.Write(path, SaveJson);

    /// <summary>Reads what <see cref="ToJson"/> has written.</summary>
    /// <exception cref="FormatException">It is something else; the message says what is missing or wrong.</exception>
    public static TrainingHistory FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            string reason = root.GetProperty("stop_reason").GetString() ?? "";
            if (!Enum.TryParse(reason, out StopReason stopReason) || !Enum.IsDefined(stopReason))
                throw new FormatException($"The training history has the stop_reason '{reason}'; expected one of {string.Join(", ", Enum.GetNames<StopReason>())}.");
            return new TrainingHistory([.. root.GetProperty("epochs").EnumerateArray().Select(Read)], root.GetProperty("best_epoch").GetInt32(), stopReason);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"This is no training history: {exception.Message} Expected what TrainingHistory.ToJson gives.", exception);
        }
    }

    private static EpochResult Read(JsonElement epoch) => new(
        epoch.GetProperty("epoch").GetInt32(), Single(epoch, "training_loss") ?? float.NaN, Single(epoch, "validation_loss"), Single(epoch, "learning_rate") ?? float.NaN,
        TimeSpan.FromTicks((long)Math.Round(epoch.GetProperty("seconds").GetDouble() * TimeSpan.TicksPerSecond)))
    {
        Metric = Single(epoch, "metric"),
        MeanGradientNorm = Single(epoch, "mean_gradient_norm"),
        MaximumGradientNorm = Single(epoch, "maximum_gradient_norm"),
    };

    // Exact, as TimeSpan counts ten millionths.
    private static decimal Seconds(TimeSpan time) => (decimal)time.Ticks / TimeSpan.TicksPerSecond;

    private static float? Single(JsonElement epoch, string name) => epoch.GetProperty(name) is { ValueKind: not JsonValueKind.Null } value ? value.GetSingle() : null;

    private static string Field(float? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    // JSON has no NaN.
    private static void Write(Utf8JsonWriter json, string name, float? value)
    {
        if (value is { } number && float.IsFinite(number))
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
