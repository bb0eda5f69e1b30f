using Backprop;
using Microsoft.ML;
using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>Two small models, trained once for all tests, that give different answers; and images to ask them about.</summary>
public sealed class TwoModels
{
    public byte[] First { get; } = Train(seed: 1);

    public byte[] Second { get; } = Train(seed: 2);

    /// <summary>Test images, a byte a pixel, with their digits.</summary>
    public IReadOnlyList<(byte[] Pixels, uint Digit)> Images { get; } = [.. MnistImages.Test(DataDirectory).Take(200)
        .Select(image => (image.Pixels.Select(pixel => (byte)MathF.Round(255 * pixel)).ToArray(), image.Digit))];

    private static string DataDirectory => Path.Combine(AppContext.BaseDirectory, "data");

    private static byte[] Train(int seed)
    {
        var options = new DigitsOptions { TrainingImages = 2000, Epochs = 2, Seed = seed };
        (ITransformer model, DataViewSchema schema, _, _) = DigitTraining.Train(options, new Progress<TrainingProgress>(), CancellationToken.None);
        using var file = new MemoryStream();
        new MLContext().Model.Save(model, schema, file);
        return file.ToArray();
    }
}

[CollectionDefinition(Name)]
public sealed class ServiceTests : ICollectionFixture<TwoModels>
{
    public const string Name = "Service";
}
