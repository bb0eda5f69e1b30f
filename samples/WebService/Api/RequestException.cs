namespace WebService.Api;

/// <summary>A request that cannot be answered as it is. The message becomes the detail of the problem: it is for the caller's eyes.</summary>
internal sealed class RequestException(int status, string detail) : Exception(detail)
{
    public int Status => status;

    public static RequestException Bad(string detail) => new(StatusCodes.Status400BadRequest, detail);
}
