using Microsoft.AspNetCore.Http.Metadata;

namespace WebService.Api;

/// <summary>The most bytes that an endpoint takes, in the place of the server's limit.</summary>
internal sealed class BodySizeLimit(long bytes) : IRequestSizeLimitMetadata
{
    public long? MaxRequestBodySize => bytes;
}
