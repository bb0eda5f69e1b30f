using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Backprop.ML.Tests;

/// <summary>Image networks in pipelines: from files, and from vectors with dimensions.</summary>
public sealed class ImageTests : IDisposable
{
    private const int Size = 8;

    private readonly MLContext _ml = new(seed: 1);
    private readonly string _folder = Directory.CreateTempSubdirectory("backprop").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Files_are_loaded_learned_from_and_told_apart(bool interleaved)
    {
        IDataView training = Files(80, 1), test = Files(40, 2);
        ITransformer model = Pipeline(Convolutional, interleaved).Fit(training);
        IDataView scored = model.Transform(test);
        Assert.InRange(_ml.BinaryClassification.Evaluate(scored, "IsRight").Accuracy, 0.95, 1);

        using var file = new MemoryStream();
        _ml.Model.Save(model, training.Schema, file);
        file.Position = 0;
        var fresh = new MLContext();
        ITransformer loaded = fresh.Model.Load(file, out _);
        int[] bits = Samples.ScoreBits(scored);
        Assert.Equal(bits, Samples.ScoreBits(loaded.Transform(test)));

        using PredictionEngine<PictureFile, Score> engine = fresh.Model.CreatePredictionEngine<PictureFile, Score>(loaded);
        PictureFile[] rows = [.. _ml.Data.CreateEnumerable<PictureFile>(test, reuseRowObject: false)];
        for (int i = 0; i < rows.Length; i += 7)
            Assert.Equal(bits[i], BitConverter.SingleToInt32Bits(engine.Predict(rows[i]).Value));
    }

    [Fact]
    public void Both_layouts_give_the_same_predictions()
    {
        IDataView data = Files(40, 1);
        int[] Bits(bool interleaved, Func<NetworkBuilder, NetworkBuilder> network) =>
            Samples.ScoreBits(Pipeline(network, interleaved, [Augmentation.RandomFlip, Augmentation.RandomCrop(1), Augmentation.RandomErase]).Fit(data).Transform(data));

        int[] planar = Bits(false, Convolutional);
        Assert.Equal(planar, Bits(true, Convolutional));
        Assert.Equal(planar, Bits(false, net => Convolutional(net.Image(3, Size, Size))));
        Assert.Equal(planar, Bits(true, net => Convolutional(net.Image(3, Size, Size, ImageLayout.Interleaved))));
    }

    [Theory]
    [InlineData(typeof(Flat), null)]
    [InlineData(typeof(Grey), "1, 4, 6, planar")]
    [InlineData(typeof(Planar), "2, 4, 6, planar")]
    [InlineData(typeof(Interleaved), "2, 4, 6, interleaved")]
    [InlineData(typeof(Square), "3, 3, 3, planar")]
    public void The_dimensions_of_a_column_say_what_its_images_are(Type row, string? expected)
    {
        var type = (VectorDataViewType)SchemaOf(row)["Features"].Type;
        NetworkDefinition layers = NetworkDefinition.Create(net => net.Conv2d(2, 3).Flatten());
        if (expected is null)
        {
            string message = Assert.Throws<ArgumentOutOfRangeException>(() => ImageColumn.WithImage(layers, "Features", type)).Message;
            Assert.Contains("feature column 'Features'", message);
            Assert.Contains("Put .Image(channels, height, width) in front", message);
            return;
        }

        var image = Assert.IsType<ImageDefinition>(ImageColumn.WithImage(layers, "Features", type).Layers[0]);
        Assert.Equal(expected, $"{image.Channels}, {image.Height}, {image.Width}, {(image.Layout == ImageLayout.Planar ? "planar" : "interleaved")}");
    }

    [Fact]
    public void The_word_is_added_where_the_first_layer_takes_images_and_nowhere_else()
    {
        var type = (VectorDataViewType)SchemaOf(typeof(Planar))["Features"].Type;
        bool IsAdded(Func<NetworkBuilder, NetworkBuilder> network)
        {
            NetworkDefinition layers = NetworkDefinition.Create(network);
            return ImageColumn.WithImage(layers, "Features", type).Layers.Count > layers.Layers.Count;
        }

        Assert.True(IsAdded(net => net.Conv2d(2, 3)));
        Assert.True(IsAdded(net => net.DepthwiseConv2d(3)));
        Assert.True(IsAdded(net => net.MaxPool2d(2)));
        Assert.True(IsAdded(net => net.AveragePool2d(2)));
        Assert.True(IsAdded(net => net.AdaptiveAveragePool2d(2, 2)));
        Assert.True(IsAdded(net => net.GlobalAveragePool2d()));
        Assert.True(IsAdded(net => net.Pad2d(1, 1, 1, 1)));
        Assert.True(IsAdded(net => net.Upsample2d(2)));
        Assert.True(IsAdded(net => net.Dropout(0.1f).BatchNorm().Relu().Conv2d(2, 3)));
        Assert.True(IsAdded(net => net.Residual(block => block.BatchNorm().Relu().Conv2d(2, 3, padding: 1))));
        Assert.False(IsAdded(net => net.Image(2, 4, 6).Conv2d(2, 3)));
        Assert.False(IsAdded(net => net.Dense(4).Relu()));
        Assert.False(IsAdded(net => net.Reshape([4, 6, 2]).Conv2d(2, 3)));
        Assert.False(IsAdded(net => net.Residual(block => block.Dense(48))));
        Assert.False(IsAdded(net => net));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_channel_has_one_mean_and_one_scale(bool interleaved)
    {
        IDataView data = interleaved ? Rows<Interleaved>(50) : Rows<Planar>(50);
        float[][] rows = [.. data.GetColumn<float[]>("Features")];
        NeuralNetworkTransformer model = Trainer(net => net.Conv2d(2, 3, padding: 1).Flatten()).Fit(data);
        for (int channel = 0; channel < 2; channel++)
        {
            double[] values = [.. rows.SelectMany(row => row.Where((_, i) => (interleaved ? i % 2 : i / 24) == channel).Select(value => (double)value))];
            double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
            Assert.Equal(-mean, model.Model.Network.Parameters["rescale_1.offset"].Value.ToArray()[channel], 1e-5);
            Assert.Equal(1 / deviation, model.Model.Network.Parameters["rescale_1.scale"].Value.ToArray()[channel], 1e-5);
        }

        Assert.Equal([2], model.Model.Network.Parameters["rescale_1.offset"].Shape.ToArray());
        Assert.DoesNotContain(Trainer(net => net.Conv2d(2, 3).Flatten(), normalize: false).Fit(data).Model.Network.Parameters, parameter => parameter.Name.StartsWith("rescale", StringComparison.Ordinal));
    }

    [Fact]
    public void Augmentation_is_fixed_by_the_seed_at_any_number_of_threads_and_changes_what_is_learned()
    {
        IDataView data = Rows<Planar>(60);
        int[] Bits(int threads, int seed, params Augmentation[] augmentation) =>
            Samples.ScoreBits(Trainer(net => net.Conv2d(3, 3).Relu().Flatten(), augmentation, threads, seed).Fit(data).Transform(data));

        Augmentation[] all = [Augmentation.RandomFlip, Augmentation.RandomCrop(1), Augmentation.RandomErase];
        int[] expected = Bits(1, 1, all);
        Assert.Equal(expected, Bits(1, 1, all));
        Assert.Equal(expected, Bits(2, 1, all));
        Assert.NotEqual(expected, Bits(1, 2, all));
        Assert.NotEqual(expected, Bits(1, 1));
    }

    [Fact]
    public void Validation_rows_are_not_augmented()
    {
        // One step that changes no weight: the validation loss is that of the untouched rows.
        IDataView data = Rows<Planar>(60);
        float? Loss(params Augmentation[] augmentation) => _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
        {
            Network = net => net.Conv2d(3, 3).Relu().Flatten(),
            Augmentation = augmentation,
            NumberOfEpochs = 1,
            Optimizer = new Sgd { LearningRate = 1e-30f },
            Seed = 1,
        }).Fit(data, data).Model.History!.Epochs[0].ValidationLoss;
        Assert.Equal(Loss(), Loss(Augmentation.RandomCrop(3)));
    }

    [Fact]
    public void Augmentation_without_images_is_refused()
    {
        IDataView data = Rows<Planar>(20);
        foreach (Func<NetworkBuilder, NetworkBuilder>? network in new Func<NetworkBuilder, NetworkBuilder>?[] { null, net => net.Dense(4), net => net })
        {
            string message = Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(network, [Augmentation.RandomFlip]).Fit(data)).Message;
            Assert.Contains("The option Augmentation is [RandomFlip]; it must be empty", message);
        }

        Assert.Contains("padding of 4 can shift images of 4×6 out of sight",
            Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(net => net.Conv2d(2, 3).Flatten(), [Augmentation.RandomCrop(4)]).Fit(data)).Message);
        Assert.Contains("The option Augmentation is a list with null in it", Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(null, [null!])).Message);
    }

    [Fact]
    public void A_column_that_does_not_fit_the_word_is_refused_by_name()
    {
        string Message(Func<NetworkBuilder, NetworkBuilder> network, bool interleaved = false) =>
            Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(net => network(net).Conv2d(2, 3).Flatten()).Fit(interleaved ? Rows<Interleaved>(20) : Rows<Planar>(20))).Message;

        Assert.Contains("feature column 'Features': the network takes 3 channels of 4×6, which are 72 values, but the column has 48, 'Vector<Single, 2, 4, 6>'", Message(net => net.Image(3, 4, 6)));
        Assert.Contains("the dimensions [2, 6, 4], but the column is 'Vector<Single, 2, 4, 6>'", Message(net => net.Image(2, 6, 4)));
        Assert.Contains("That is ImageLayout.Planar", Message(net => net.Image(2, 4, 6, ImageLayout.Interleaved)));
        Assert.Contains("That is ImageLayout.Interleaved", Message(net => net.Image(2, 4, 6), interleaved: true));
    }

    [Fact]
    public void A_grey_column_of_another_height_and_width_is_refused_also_when_it_has_as_many_values()
    {
        string message = Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(net => net.Image(1, 6, 4).Conv2d(2, 3).Flatten()).Fit(GreyRows())).Message;
        Assert.Contains("feature column 'Features': the network takes grey images of 6×4, but the column is 'Vector<Single, 4, 6>'", message);
        Assert.Equal(20, Samples.ScoreBits(Trainer(net => net.Image(1, 4, 6).Conv2d(2, 3).Flatten()).Fit(GreyRows()).Transform(GreyRows())).Length);
    }

    private IDataView GreyRows() => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Grey
    {
        Features = [.. Enumerable.Range(0, 24).Select(j => (float)((i * 7 + j * 5) % 11))],
        Label = i % 2 == 0,
    }).ToArray());

    [Fact]
    public void A_column_that_does_not_fit_the_trained_network_is_not_scored()
    {
        ITransformer model = Trainer(net => net.Conv2d(2, 3).Flatten()).Fit(Rows<Planar>(20));
        string message = Assert.Throws<InvalidOperationException>(() => model.Transform(Rows<Interleaved>(5))).Message;
        Assert.Contains("feature column 'Features': the network takes 2 channels of 4×6, planar", message);
        Assert.Contains("That is ImageLayout.Interleaved", message);
        Assert.Contains("must be 'Vector<Single, 48>', as in training, but is 'Vector<Single, 3, 3, 3>'", Assert.Throws<InvalidOperationException>(() => model.Transform(Rows<Square>(5))).Message);
        Assert.Equal(5, Samples.ScoreBits(model.Transform(Rows<Flat>(5))).Length); // a column without dimensions is taken at its word
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_is_missing_or_no_image_stops_the_training_as_ML_NET_has_it(bool isThere)
    {
        IDataView good = Files(20, 1);
        List<PictureFile> rows = [.. _ml.Data.CreateEnumerable<PictureFile>(good, reuseRowObject: false)];
        rows[7].Path = "broken.png";
        if (isThere)
            File.WriteAllText(Path.Combine(_folder, "broken.png"), "This is no image.");
        IDataView bad = _ml.Data.LoadFromEnumerable(rows);
        Exception e = Assert.Throws<InvalidOperationException>(() => Pipeline(Convolutional, interleaved: false).Fit(bad));
        Assert.Matches(@"^Training set, (at )?row \d \(the first is 0\).*feature column 'Features' is made of could not be read: ", e.Message);
        Assert.Contains(isThere ? "Invalid input stream contents" : "broken.png", e.Message);

        // What ML.NET itself throws where it reads.
        Exception own = Assert.ThrowsAny<Exception>(() => _ml.Data.CreateEnumerable<Pixels>(
            _ml.Transforms.LoadImages("Image", _folder, "Path").Append(_ml.Transforms.ResizeImages("Image", Size, Size)).Append(_ml.Transforms.ExtractPixels("Features", "Image"))
                .Fit(bad).Transform(bad), reuseRowObject: true).Count());
        Assert.Equal(own.GetBaseException().GetType(), e.GetBaseException().GetType());
        ITransformer model = Pipeline(Convolutional, interleaved: false).Fit(good);
        Assert.Equal(own.GetBaseException().Message, Assert.ThrowsAny<Exception>(() => Samples.ScoreBits(model.Transform(bad))).GetBaseException().Message);
    }

    [Fact]
    public void A_row_that_cannot_be_read_is_told_with_its_number()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Unreadable { Index = i }).ToArray());
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(net => net.Dense(2)).Fit(data));
        Assert.StartsWith("Training set, row 7 (the first is 0): what feature column 'Features' is made of could not be read: This disk is broken.", e.Message);
        Assert.IsType<IOException>(e.GetBaseException());
    }

    [Fact]
    public void No_rows_are_refused()
    {
        IDataView none = _ml.Data.FilterRowsByColumn(Files(4, 1), "Index", lowerBound: 100);
        Assert.Contains("Training set has 0 instances", Assert.Throws<InvalidOperationException>(() => Pipeline(Convolutional, interleaved: false).Fit(none)).Message);
    }

    private static NetworkBuilder Convolutional(NetworkBuilder net) => net.Conv2d(6, kernelSize: 3, padding: 1).BatchNorm().Relu().MaxPool2d(2).Flatten();

    private IEstimator<ITransformer> Pipeline(Func<NetworkBuilder, NetworkBuilder> network, bool interleaved, IReadOnlyList<Augmentation>? augmentation = null) =>
        _ml.Transforms.LoadImages("Image", _folder, "Path")
            .Append(_ml.Transforms.ResizeImages("Image", Size, Size))
            .Append(_ml.Transforms.ExtractPixels("Features", "Image", interleavePixelColors: interleaved))
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
            {
                LabelColumnName = "IsRight",
                Network = network,
                Augmentation = augmentation ?? [],
                NumberOfEpochs = 12,
                BatchSize = 8,
                Seed = 1,
                NumberOfThreads = 1,
            }));

    private NeuralNetworkBinaryTrainer Trainer(
        Func<NetworkBuilder, NetworkBuilder>? network, IReadOnlyList<Augmentation>? augmentation = null, int threads = 1, int seed = 1, bool normalize = true) =>
        _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
        {
            Network = network,
            Augmentation = augmentation ?? [],
            NumberOfEpochs = 2,
            BatchSize = 16,
            Seed = seed,
            NumberOfThreads = threads,
            NormalizeFeatures = normalize,
        });

    /// <summary>Pictures of different sizes with a red bar on one side and noise elsewhere, as files.</summary>
    private IDataView Files(int count, int seed)
    {
        var random = new Random(seed);
        var rows = new List<PictureFile>();
        for (int i = 0; i < count; i++)
        {
            using var bitmap = new SKBitmap(10 + i % 4, 12);
            bool isRight = i % 2 == 0;
            for (int y = 0; y < bitmap.Height; y++)
                for (int x = 0; x < bitmap.Width; x++)
                    bitmap.SetPixel(x, y, new SKColor((byte)(x < bitmap.Width / 2 == isRight ? random.Next(100) : 155 + random.Next(100)), (byte)random.Next(200), (byte)random.Next(250)));
            var row = new PictureFile { Path = $"{seed}-{i}.png", IsRight = isRight, Index = i };
            using (FileStream stream = File.Create(Path.Combine(_folder, row.Path)))
                bitmap.Encode(stream, SKEncodedImageFormat.Png, 100);
            rows.Add(row);
        }

        return _ml.Data.LoadFromEnumerable(rows);
    }

    private IDataView Rows<T>(int count)
        where T : class, IRow, new()
    {
        var random = new Random(1);
        int length = ((VectorDataViewType)SchemaOf(typeof(T))["Features"].Type).Size is > 0 and int size ? size : 48;
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i => new T
        {
            Features = [.. Enumerable.Range(0, length).Select(j => (float)(3 + j % 2 + (1 + j / 24) * random.NextDouble()))],
            Label = i % 2 == 0,
        }).ToArray());
    }

    private DataViewSchema SchemaOf(Type row) => row.Name switch
    {
        nameof(Flat) => _ml.Data.LoadFromEnumerable(Array.Empty<Flat>()).Schema,
        nameof(Grey) => _ml.Data.LoadFromEnumerable(Array.Empty<Grey>()).Schema,
        nameof(Planar) => _ml.Data.LoadFromEnumerable(Array.Empty<Planar>()).Schema,
        nameof(Interleaved) => _ml.Data.LoadFromEnumerable(Array.Empty<Interleaved>()).Schema,
        _ => _ml.Data.LoadFromEnumerable(Array.Empty<Square>()).Schema,
    };

    internal interface IRow
    {
        public float[] Features { get; set; }

        public bool Label { get; set; }
    }

    internal sealed class PictureFile
    {
        public string Path { get; set; } = "";

        public bool IsRight { get; set; }

        public float Index { get; set; }
    }

    internal sealed class Pixels
    {
        [VectorType(3, Size, Size)]
        public float[] Features { get; set; } = [];
    }

    internal sealed class Unreadable
    {
        public float Index { get; set; }

        [VectorType(3)]
        public float[] Features
        {
            get => Index == 7 ? throw new IOException("This disk is broken.") : field;
            set;
        } = [1, 2, 3];

        public bool Label => Index % 2 == 0;
    }

    internal sealed class Score
    {
        [ColumnName("Score")]
        public float Value { get; set; }
    }

    internal sealed class Flat : IRow
    {
        [VectorType(48)]
        public float[] Features { get; set; } = [];

        public bool Label { get; set; }
    }

    internal sealed class Grey : IRow
    {
        [VectorType(4, 6)]
        public float[] Features { get; set; } = [];

        public bool Label { get; set; }
    }

    internal sealed class Planar : IRow
    {
        [VectorType(2, 4, 6)]
        public float[] Features { get; set; } = [];

        public bool Label { get; set; }
    }

    internal sealed class Interleaved : IRow
    {
        [VectorType(4, 6, 2)]
        public float[] Features { get; set; } = [];

        public bool Label { get; set; }
    }

    internal sealed class Square : IRow
    {
        [VectorType(3, 3, 3)]
        public float[] Features { get; set; } = [];

        public bool Label { get; set; }
    }
}
