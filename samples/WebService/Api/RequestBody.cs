using System.Buffers;
using System.IO.Pipelines;

namespace WebService.Api;

/// <summary>A request's body, whole and in one piece, in rented memory.</summary>
internal readonly struct RequestBody : IDisposable
{
    private const int UsualLength = 4096;

    private readonly byte[] _rented;
    private readonly int _length;

    private RequestBody(byte[] rented, int length) => (_rented, _length) = (rented, length);

    public ReadOnlySpan<byte> Bytes => _rented.AsSpan(0, _length);

    /// <summary>Reads the body to its end. The server sees to it that it is not larger than the endpoint allows.</summary>
    /// <exception cref="BadHttpRequestException">It is too large, too slow or ends too early.</exception>
    public static async ValueTask<RequestBody> ReadAsync(HttpRequest request)
    {
        // No more than a little is rented for a length that the request only claims.
        byte[] rented = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(request.ContentLength ?? UsualLength, 1, 4 * UsualLength));
        int length = 0;
        try
        {
            PipeReader reader = request.BodyReader;
            while (true)
            {
                ReadResult result = await reader.ReadAsync(request.HttpContext.RequestAborted);
                int added = (int)result.Buffer.Length;
                if (length + added > rented.Length)
                    Grow(ref rented, length, length + added);
                result.Buffer.CopyTo(rented.AsSpan(length));
                length += added;
                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return new RequestBody(rented, length);
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(rented);
            throw;
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_rented);

    private static void Grow(ref byte[] rented, int length, int needed)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 2 * rented.Length));
        rented.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(rented);
        rented = larger;
    }
}
