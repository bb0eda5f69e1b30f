using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Backprop.WebServiceTests;

/// <summary>Requests that cannot be answered get problem details (RFC 9457) that say why.</summary>
[Collection(ServiceTests.Name)]
public sealed class BadRequestTests(TwoModels models)
{
    private const string Json = "application/json", Bytes = "application/octet-stream";

    private static readonly (string Path, string Type, string Body, int Status, string Detail)[] Cases =
    [
        ("/predict", Json, "", 400, "The body is empty"),
        ("/predict", Json, "{", 400, "The body is not JSON (line 1"),
        ("/predict", Json, "{\"pixels\":[0,\n0,oops]}", 400, "The body is not JSON (line 2"),
        ("/predict", Json, "{\"pixels\":[0,NaN]}", 400, "The body is not JSON"),
        ("/predict", Json, "[]", 400, "The body is an array"),
        ("/predict", Json, "7", 400, "The body is a number"),
        ("/predict", Json, "null", 400, "The body is null"),
        ("/predict", Json, "{}", 400, "it must have the property pixels"),
        ("/predict", Json, "{\"image\":[]}", 400, "The property 'image' is unknown"),
        ("/predict", Json, "{\"\\ud800\":[]}", 400, "The body is not JSON"),
        ("/predict", Json, "{\"pixels\":null}", 400, "pixels is null"),
        ("/predict", Json, "{\"pixels\":{}}", 400, "pixels is an object"),
        ("/predict", Json, "{\"pixels\":[]}", 400, "pixels has 0 numbers; an image has 784"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(783)}]}}", 400, "pixels has 783 numbers"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(785)}]}}", 400, "pixels has 785 numbers"),
        ("/predict", Json, "{\"pixels\":[0,0,1.5]}", 400, "pixels[2] is 1.5"),
        ("/predict", Json, "{\"pixels\":[-0.1]}", 400, "pixels[0] is -0.1"),
        ("/predict", Json, "{\"pixels\":[1e999]}", 400, "pixels[0] is 1e999"),
        ("/predict", Json, "{\"pixels\":[0,\"NaN\"]}", 400, "pixels[1] is a string"),
        ("/predict", Json, "{\"pixels\":[0,null]}", 400, "pixels[1] is null"),
        ("/predict", Json, "{\"pixels\":[[0]]}", 400, "pixels[0] is an array"),
        ("/predict", Json, "{\"pixels\":\"not base64!\"}", 400, "is not base64"),
        ("/predict", Json, "{\"pixels\":\"AAAA\"}", 400, "holds 3 bytes"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(784)}],\"label\":3}}", 400, "The property 'label' is unknown"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(784)}],\"pixels\":[]}}", 400, "pixels stands there twice"),
        ("/predict", Json, $"{{\"{new string('a', 39)}\U0001F600\U0001F600\":[]}}", 400, "is unknown; the object must have pixels"), // cut within a character
        ("/predict", Json, new string('[', 20_000), 400, "The body is an array"),
        ("/predict", Json, "{\"pixels\":[" + new string('[', 20_000), 400, "pixels[0] is an array"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(784)}]}} more", 400, "The body is not JSON"),
        ("/predict", Json, $"{{\"pixels\":[{Zeros(784)}],}}", 400, "The body is not JSON"),
        ("/predict", Bytes, "", 400, "The body has 0 bytes; an image has 784"),
        ("/predict", Bytes, new string('x', 785), 400, "The body has 785 bytes"),
        ("/predict", "text/plain", "0", 415, "The content type is 'text/plain'"),
        ("/predict", "application/json; charset=utf-16", "{}", 415, "it must be application/json (UTF-8)"),
        ("/predict", Json, new string(' ', 40_000), 413, "The body has 40000 bytes; at most 32768 are taken"),
        ("/predict/batch", Json, "", 400, "The body is empty"),
        ("/predict/batch", Json, "{\"pixels\":[]}", 400, "The property 'pixels' is unknown"),
        ("/predict/batch", Json, "{\"images\":5}", 400, "images is a number"),
        ("/predict/batch", Json, "{\"images\":[]}", 400, "images is empty"),
        ("/predict/batch", Json, $"{{\"images\":[[{Zeros(784)}],[{Zeros(3)}]]}}", 400, "images[1] has 3 numbers"),
        ("/predict/batch", Json, $"{{\"images\":[[{Zeros(784)}],[0,2]]}}", 400, "images[1][1] is 2"),
        ("/predict/batch", Json, $"{{\"images\":[{string.Join(',', Enumerable.Repeat($"[{Zeros(784)}]", 9))}]}}", 400, "a batch takes at most 8"),
        ("/predict/batch", Bytes, new string('x', 783), 400, "783 bytes"),
        ("/predict/batch", Bytes, new string('\0', 9 * 784), 400, "There are 9 images; a batch takes at most 8"),
        ("/nothing", Json, "", 404, "There is nothing at /nothing"),
        ("/health", Json, "", 405, "/health does not take POST"),
    ];

    [Fact]
    public async Task EveryBadRequestGetsAProblemThatSaysWhatIsWrong()
    {
        await using RunningService service = await RunningService.StartAsync(models.First, "--Digits:Engines=1", "--Digits:BatchLimit=8");
        foreach ((string path, string type, string body, int status, string detail) in Cases)
        {
            using HttpResponseMessage response = await service.PostAsync(path, type, Encoding.UTF8.GetBytes(body));
            await AssertProblemAsync(response, status, detail);
        }

        // The one engine was given back every time, and what failed was not counted.
        await service.PredictAsync(models.Images[0].Pixels);
        JsonElement health = await service.HealthAsync();
        Assert.Equal(1, health.GetProperty("predictions").GetInt64());
        Assert.Equal(0, health.GetProperty("model").GetProperty("enginesInUse").GetInt32());
        Assert.Empty(service.LoggedErrors);
    }

    [Fact]
    public async Task ABodyOfUnknownLengthIsCutOffAtTheLimit()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        var content = new StreamContent(new MemoryStream(new byte[40_000]));
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = content, Headers = { TransferEncodingChunked = true } };
        using HttpResponseMessage response = await service.Http.SendAsync(request);
        await AssertProblemAsync(response, 413, "at most 32768");
    }

    [Fact]
    public async Task AMissingContentTypeIsSaidToBeMissing()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        using HttpResponseMessage response = await service.Http.PostAsync("/predict", new ByteArrayContent(new byte[784]));
        await AssertProblemAsync(response, 415, "The content type is missing");
    }

    [Theory]
    [InlineData("--Digits:Network=huge", "Digits:Network")]
    [InlineData("--Digits:Engines=0", "Digits:Engines")]
    [InlineData("--Digits:Epochs=many", "Digits:Epochs")]
    [InlineData("--Digits:PollSeconds=NaN", "Digits:PollSeconds")]
    [InlineData("--Digits:ModelPath= ", "Digits:ModelPath")]
    public void AnOptionThatCannotBeIsNamed(string option, string name) =>
        Assert.Contains(name, Assert.Throws<ArgumentException>(() => DigitService.Build([option])).Message);

    internal static async Task AssertProblemAsync(HttpResponseMessage response, int status, string detail)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"Expected {status}, found {(int)response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonElement problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrEmpty(problem.GetProperty("title").GetString()));
        Assert.Contains(detail, problem.GetProperty("detail").GetString());
        Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
        Assert.True(response.Headers.CacheControl!.NoStore);
        if (status == 405)
            Assert.Equal(["GET"], response.Content.Headers.Allow);
    }

    private static string Zeros(int count) => string.Join(',', Enumerable.Repeat(0.ToString(CultureInfo.InvariantCulture), count));
}
