using System.Globalization;
using System.Text;

namespace WebServiceLoad;

/// <summary>How a request carries its images.</summary>
internal enum Form
{
    /// <summary>JSON with a number from 0 to 1 a pixel.</summary>
    Json,

    /// <summary>JSON with the base64 of a byte a pixel.</summary>
    Base64,

    /// <summary>A byte a pixel.</summary>
    Bytes,
}

/// <summary>Writes requests.</summary>
internal static class Requests
{
    /// <summary>The bytes of a whole request, ready to be sent.</summary>
    public static byte[] Create(Form form, byte[][] images, bool isBatch, int port)
    {
        byte[] body = form switch
        {
            Form.Bytes => [.. images.SelectMany(image => image)],
            _ => Encoding.ASCII.GetBytes(isBatch ? $$"""{"images":[{{string.Join(',', images.Select(image => Image(form, image)))}}]}""" : $$"""{"pixels":{{Image(form, images[0])}}}"""),
        };
        string head = $"POST /predict{(isBatch ? "/batch" : "")} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {(form == Form.Bytes ? "application/octet-stream" : "application/json")}\r\nContent-Length: {body.Length}\r\n\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    // Four digits behind the point: enough to tell the 256 shades apart, as a client would write them.
    private static string Image(Form form, byte[] image) => form == Form.Base64
        ? $"\"{Convert.ToBase64String(image)}\""
        : $"[{string.Join(',', image.Select(pixel => (pixel / 255.0).ToString("0.####", CultureInfo.InvariantCulture)))}]";
}
