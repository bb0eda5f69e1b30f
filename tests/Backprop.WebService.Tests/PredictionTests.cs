using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.ML;
using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>The answers, whatever form the question has.</summary>
[Collection(ServiceTests.Name)]
public sealed class PredictionTests(TwoModels models)
{
    [Fact]
    public async Task AnswersWhatThePredictionEngineAnswers()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        var ml = new MLContext();
        using PredictionEngine<DigitImage, DigitScores> engine =
            ml.Model.CreatePredictionEngine<DigitImage, DigitScores>(ml.Model.Load(new MemoryStream(models.First), out _));
        int right = 0;
        foreach ((byte[] pixels, uint digit) in models.Images)
        {
            Answer answer = await service.PredictAsync(pixels);
            float[] expected = engine.Predict(new DigitImage { Pixels = [.. pixels.Select(pixel => pixel * (1f / 255))] }).Score;
            Assert.Equal(expected, answer.Probabilities); // to the last bit: JSON writes a float so that it can be read again
            Assert.Equal(Array.IndexOf(expected, expected.Max()), answer.Label);
            Assert.Equal(ServedModel.VersionOf(models.First), answer.Model);
            right += answer.Label == digit ? 1 : 0;
        }
        Assert.InRange(right, models.Images.Count * 6 / 10, models.Images.Count); // two passes over 2,000 images teach it some
        Assert.Equal(models.Images.Count, (await service.HealthAsync()).GetProperty("predictions").GetInt64());
    }

    [Fact]
    public async Task EveryFormOfAnImageGetsTheSameAnswer()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        byte[] pixels = models.Images[0].Pixels;
        Answer bytes = await service.PredictAsync(pixels);
        foreach (string json in new[] { $$"""{"pixels":{{Numbers(pixels)}}}""", $$"""{"pixels":"{{Convert.ToBase64String(pixels)}}"}""", $$""" { "pixels" : "{{Convert.ToBase64String(pixels).Replace("/", "\\/")}}" } """ })
        {
            using HttpResponseMessage response = await service.PostJsonAsync("/predict", json);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
            Answer answer = Answer.Parse(await response.Content.ReadAsStringAsync());
            Assert.Equal(bytes.Label, answer.Label);
            Assert.Equal(bytes.Probabilities, answer.Probabilities);
        }
    }

    [Fact]
    public async Task ABatchGetsTheAnswersOfItsImages()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        byte[][] images = [.. models.Images.Take(100).Select(image => image.Pixels)];
        var expected = new List<Answer>();
        foreach (byte[] image in images)
            expected.Add(await service.PredictAsync(image));

        string json = $$"""{"images":[{{string.Join(',', images.Select((image, i) => i % 2 == 0 ? Numbers(image) : $"\"{Convert.ToBase64String(image)}\""))}}]}""";
        using HttpResponseMessage ofJson = await service.PostJsonAsync("/predict/batch", json);
        using HttpResponseMessage ofBytes = await service.PostAsync("/predict/batch", "application/octet-stream", [.. images.SelectMany(image => image)]);
        foreach (HttpResponseMessage response in new[] { ofJson, ofBytes })
        {
            JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal(expected[0].Model, answer.GetProperty("model").GetString());
            Answer[] answers = [.. answer.GetProperty("predictions").EnumerateArray().Select(Answer.Of)];
            Assert.Equal(expected.Select(one => one.Label), answers.Select(one => one.Label));
            Assert.Equal(expected.SelectMany(one => one.Probabilities), answers.SelectMany(one => one.Probabilities));
        }
    }

    [Fact]
    public async Task ThePageNeedsNothingFromElsewhere()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        using HttpResponseMessage response = await service.Http.GetAsync("/");
        string page = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/html", response.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'none'", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Contains("<canvas", page);
        Assert.DoesNotContain("http://", page);
        Assert.DoesNotContain("https://", page);
    }

    // Nine digits behind the point: the same float as a byte's 255th.
    private static string Numbers(byte[] pixels) => $"[{string.Join(',', pixels.Select(pixel => (pixel * (1f / 255)).ToString("R", CultureInfo.InvariantCulture)))}]";
}
