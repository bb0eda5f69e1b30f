using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WebServiceLoad;

/// <summary>
/// A kept-alive HTTP/1.1 connection that knows no more than it must: the client shares the processors with the service, so what it
/// takes is missing there.
/// </summary>
internal sealed class Connection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 30_000 };
    private readonly byte[] _buffer = new byte[256 * 1024];

    public Connection(int port) => _socket.Connect(IPAddress.Loopback, port);

    /// <summary>Sends a request and reads its answer.</summary>
    /// <exception cref="InvalidDataException">The answer is not 200, or has not the expected labels.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public void Exchange(byte[] request, int[] labels)
    {
        for (int sent = 0; sent < request.Length;)
            sent += _socket.Send(request.AsSpan(sent));

        int length = 0, head = -1, whole = int.MaxValue;
        while (length < whole)
        {
            int received = _socket.Receive(_buffer.AsSpan(length));
            if (received == 0)
                throw new InvalidDataException("The service closed the connection.");
            length += received;
            if (head < 0 && (head = _buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) >= 0)
                whole = head + 4 + ContentLength(_buffer.AsSpan(0, head));
        }
        if (!_buffer.AsSpan().StartsWith("HTTP/1.1 200 "u8))
            throw new InvalidDataException(Encoding.UTF8.GetString(_buffer, 0, length));

        ReadOnlySpan<byte> rest = _buffer.AsSpan(head + 4, length - head - 4), key = "\"label\":"u8;
        foreach (int label in labels)
        {
            int at = rest.IndexOf(key);
            if (at < 0 || rest[at + key.Length] - '0' != label)
                throw new InvalidDataException($"A wrong answer: {Encoding.UTF8.GetString(_buffer, 0, length)}");
            rest = rest[(at + key.Length)..];
        }
    }

    public void Dispose() => _socket.Dispose();

    private static int ContentLength(ReadOnlySpan<byte> head)
    {
        ReadOnlySpan<byte> name = "\r\nContent-Length: "u8;
        int at = head.IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(head[(at + name.Length)..], out int length, out _) ? length : throw new InvalidDataException("The answer has no Content-Length.");
    }
}
