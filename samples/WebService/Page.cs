using Microsoft.Extensions.FileProviders;

namespace WebService;

/// <summary>How the drawing page is served: nothing but itself may run or be loaded in it.</summary>
internal static class Page
{
    private const string Policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static FileServerOptions Options(IWebHostEnvironment environment) => new()
    {
        FileProvider = new PhysicalFileProvider(Path.Combine(environment.ContentRootPath, "wwwroot")),
        StaticFileOptions =
        {
            OnPrepareResponse = context =>
            {
                IHeaderDictionary headers = context.Context.Response.Headers;
                headers.ContentSecurityPolicy = Policy;
                headers.XContentTypeOptions = "nosniff";
                headers.CacheControl = "no-cache";
            },
        },
    };
}
