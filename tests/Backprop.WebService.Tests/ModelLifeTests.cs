using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.ML;
using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>How models come and go while requests are served.</summary>
[Collection(ServiceTests.Name)]
public sealed class ModelLifeTests(TwoModels models)
{
    [Fact]
    public async Task TrainsAtTheFirstStartAndServesTheSavedModelAtTheNext()
    {
        await using RunningService service = await RunningService.StartAsync(null, "--Digits:TrainingImages=4000", "--Digits:Epochs=30");
        using (HttpResponseMessage early = await service.Http.GetAsync("/health"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, early.StatusCode);
            Assert.Matches("\"status\":\"(starting|training)\"", await early.Content.ReadAsStringAsync());
        }
        using (HttpResponseMessage early = await service.PostAsync("/predict", "application/octet-stream", models.Images[0].Pixels))
        {
            await BadRequestTests.AssertProblemAsync(early, 503, "The ");
            Assert.NotNull(early.Headers.RetryAfter);
        }
        JsonElement health = await service.WaitUntilAsync(health => health.GetProperty("status").GetString() == "ready");
        Assert.Equal([service.ModelPath], Directory.GetFiles(Path.GetDirectoryName(service.ModelPath)!)); // and no half of one
        byte[] saved = await File.ReadAllBytesAsync(service.ModelPath);
        Assert.Equal(ServedModel.VersionOf(saved), Version(health));

        await using RunningService second = await RunningService.StartAsync(saved);
        byte[] image = models.Images[0].Pixels;
        Assert.Equal((await service.PredictAsync(image)).Probabilities, (await second.PredictAsync(image)).Probabilities);
    }

    [Fact]
    public async Task EndsATrainingWhenItIsStoppedAndSavesNothing()
    {
        await using RunningService service = await RunningService.StartAsync(null, "--Digits:Network=conv", "--Digits:TrainingImages=4000", "--Digits:Epochs=100000");
        await service.WaitUntilAsync(health => health.GetProperty("status").GetString() == "training" && health.GetProperty("detail").GetString()!.Contains("epoch"));
        await service.App.StopAsync();
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(service.ModelPath)!));
        Assert.Empty(service.LoggedErrors);
    }

    [Fact]
    public async Task SaysThatItHasNoDataToLearnFrom()
    {
        await using RunningService service = await RunningService.StartAsync(null, "--Digits:DataDirectory=nowhere");
        JsonElement health = await service.WaitUntilAsync(health => health.GetProperty("status").GetString() == "unavailable");
        Assert.Contains("a data file or folder is missing", health.GetProperty("detail").GetString());
        Assert.DoesNotContain("nowhere", health.ToString()); // where files lie is for the log alone
        Assert.Contains("train-images-idx3-ubyte.gz", Assert.Single(service.LoggedErrors));
        using (HttpResponseMessage answer = await service.PostAsync("/predict", "application/octet-stream", models.Images[0].Pixels))
            await BadRequestTests.AssertProblemAsync(answer, 503, "a data file or folder is missing");

        service.PutModel(models.First); // it is not too late
        await service.WaitUntilAsync(health => Version(health) == ServedModel.VersionOf(models.First));
    }

    [Fact]
    public async Task SaysThatThereIsNoFolderForAModel()
    {
        string file = Path.GetTempFileName();
        try
        {
            await using RunningService service = await RunningService.StartAsync(null, $"--Digits:ModelPath={Path.Combine(file, "digits.zip")}");
            JsonElement health = await service.WaitUntilAsync(health => health.GetProperty("status").GetString() == "unavailable");
            Assert.Contains("no folder", health.GetProperty("detail").GetString());
            Assert.DoesNotContain(Path.GetFileName(file), health.ToString());
            Assert.Contains(file, Assert.Single(service.LoggedErrors));
        }
        finally
        {
            File.Delete(file);
        }
    }

    // As of a copying program that has it locked, or a network drive that is away: it is tried again although it does not change.
    [Fact]
    public async Task AModelThatCannotBeReadForAWhileIsReadLater()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        using (var file = new FileStream(service.ModelPath, FileMode.Create, FileAccess.Write, FileShare.None)) // nobody else may read it
        {
            file.Write(models.Second);
            file.Flush();
            JsonElement health = await service.WaitUntilAsync(health => health.TryGetProperty("refusedModel", out _));
            Assert.Equal("it cannot be read", health.GetProperty("refusedModel").GetString());
            Assert.Equal(ServedModel.VersionOf(models.First), Version(health));
            await Task.Delay(1500); // some more looks at it
            Assert.Single(service.LoggedErrors);
        }
        JsonElement later = await service.WaitUntilAsync(health => Version(health) == ServedModel.VersionOf(models.Second));
        Assert.False((await service.WaitUntilAsync(health => !health.TryGetProperty("refusedModel", out _))).TryGetProperty("refusedModel", out _));
    }

    [Fact]
    public async Task ANewModelTakesOverWithoutAFailedRequest()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        byte[] image = models.Images[0].Pixels;
        var expected = new Dictionary<string, float[]>();
        var answers = new ConcurrentBag<Answer>();
        using var end = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
                answers.Add(await service.PredictAsync(image)); // which fails the test if the request fails
        }))];

        for (int change = 1; change <= 6; change++)
        {
            byte[] model = change % 2 == 0 ? models.First : models.Second;
            service.PutModel(model);
            await service.WaitUntilAsync(health => Version(health) == ServedModel.VersionOf(model));
            Answer answer = await service.PredictAsync(image);
            Assert.Equal(ServedModel.VersionOf(model), answer.Model);
            expected[answer.Model!] = answer.Probabilities;
        }
        await end.CancelAsync();
        await Task.WhenAll(clients);

        // Every answer is wholly the one model's or wholly the other's.
        Assert.Equal(2, expected.Count);
        Assert.Equal(expected.Keys.Order(), answers.Select(answer => answer.Model!).Distinct().Order());
        Assert.All(answers, answer => Assert.Equal(expected[answer.Model!], answer.Probabilities));
        Assert.Empty(service.LoggedErrors);
    }

    [Fact]
    public async Task ABrokenModelIsRefusedAndTheOldOneStays()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        byte[] image = models.Images[0].Pixels;
        Answer before = await service.PredictAsync(image);
        int errors = 0;
        byte[] damaged = [.. models.Second];
        damaged[damaged.Length / 2] ^= 0xFF;
        foreach (byte[] bad in new[] { Encoding.UTF8.GetBytes("no model at all"), models.Second[..(models.Second.Length / 2)], damaged, OtherModel(), MixedUpDigits(), [] })
        {
            service.PutModel(bad);

            // It is logged and shown one after the other, so what is shown may for a moment be the reason against the file before.
            await service.WaitUntilAsync(health => service.LoggedErrors.Count > errors && health.TryGetProperty("refusedModel", out JsonElement reason)
                && service.LoggedErrors.Last().Contains(reason.GetString()!, StringComparison.Ordinal));
            errors = service.LoggedErrors.Count;
            Assert.DoesNotContain(Path.GetDirectoryName(service.ModelPath)!, (await service.HealthAsync()).ToString());
            Answer after = await service.PredictAsync(image);
            Assert.Equal(before.Model, after.Model);
            Assert.Equal(before.Probabilities, after.Probabilities);
        }

        service.PutModel(models.Second);
        JsonElement health = await service.WaitUntilAsync(health => Version(health) == ServedModel.VersionOf(models.Second));
        Assert.False((await service.WaitUntilAsync(health => !health.TryGetProperty("refusedModel", out _))).TryGetProperty("refusedModel", out _));
    }

    [Fact]
    public void TheLastUserOfAnOldModelDisposesOfItsEngines()
    {
        var host = new ModelHost();
        host.Replace(ServedModel.Load(models.First, DateTimeOffset.UtcNow, engines: 1));
        ServedModel old = host.Enter()!;
        host.Replace(ServedModel.Load(models.Second, DateTimeOffset.UtcNow, engines: 1));
        Assert.False(old.IsRetired);
        Assert.NotSame(old, host.Enter());
        old.Leave();
        Assert.True(old.IsRetired);
        Assert.False(old.TryEnter());
    }

    [Fact]
    public async Task ARequestUnderWayIsAnsweredBeforeTheServiceStops()
    {
        await using RunningService service = await RunningService.StartAsync(models.First);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, service.Address.Port);
        NetworkStream stream = client.GetStream();
        byte[] pixels = models.Images[0].Pixels;
        await stream.WriteAsync(Encoding.ASCII.GetBytes("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 784\r\nExpect: 100-continue\r\n\r\n"));
        byte[] buffer = new byte[4096];
        int length = await stream.ReadAsync(buffer); // 100 Continue: the service waits for the body
        Assert.StartsWith("HTTP/1.1 100", Encoding.ASCII.GetString(buffer, 0, length));

        Task stop = service.App.StopAsync();
        await stream.WriteAsync(pixels);
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 200", await reader.ReadLineAsync());
        await stop;
        Assert.Empty(service.LoggedErrors);
    }

    private static string? Version(JsonElement health) => health.TryGetProperty("model", out JsonElement model) ? model.GetProperty("version").GetString() : null;

    /// <summary>A sound model that takes other data.</summary>
    private static byte[] OtherModel()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 10).Select(i => new Point { X = i, Label = 2 * i }));
        return Save(ml, ml.Transforms.Concatenate("Features", nameof(Point.X)).Fit(data), data);
    }

    /// <summary>A model of digits whose classes stand in the order in which the data had them.</summary>
    private static byte[] MixedUpDigits()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(MnistImages.Training(Path.Combine(AppContext.BaseDirectory, "data")).Take(200));
        return Save(ml, ml.Transforms.Conversion.MapValueToKey("Label", nameof(DigitImage.Digit))
            .Append(ml.MulticlassClassification.Trainers.NeuralNetwork(featureColumnName: nameof(DigitImage.Pixels))).Fit(data), data);
    }

    private static byte[] Save(MLContext ml, ITransformer model, IDataView data)
    {
        using var file = new MemoryStream();
        ml.Model.Save(model, data.Schema, file);
        return file.ToArray();
    }

    private sealed class Point
    {
        public float X { get; set; }

        public float Label { get; set; }
    }
}
