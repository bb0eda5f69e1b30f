using Backprop.Benchmarks.Figures;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>The training steps of convolutional networks.</summary>
internal static class ConvolutionalStepFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach (ConvolutionalNetwork network in ConvolutionalNetwork.All)
        {
            Step(run, network, "sgd");
            if (network == ConvolutionalNetwork.LeNet28)
                Step(run, network, "adam");
            if (network == ConvolutionalNetwork.Cnn224)
                Step(run, network, "sgd.grad_none");
            if (!run.Wants($"{network.Name}.part"))
                continue;
            using StepWork work = Work(network);
            work.PrintParts(run, network.Name);
        }
    }

    /// <summary>What the process does whose memory is measured.</summary>
    public static void TakeSteps(string name)
    {
        using StepWork work = Work(ConvolutionalNetwork.All.Single(network => network.Name == name));
        PeakMemory.Print(work.Step(isAdam: false));
    }

    private static void Step(FigureRun run, ConvolutionalNetwork network, string optimizer)
    {
        string name = $"{network.Name}.{optimizer}";
        if (!run.Wants(name))
            return;
        using (StepWork work = Work(network))
            run.ImageStep(name, network.Batch, network.Operations, work.Step(optimizer == "adam", dropsGradients: optimizer.EndsWith("none", StringComparison.Ordinal)));
        if (optimizer == "sgd")
            PeakMemory.Print(run, name, [], network.Name);
    }

    private static StepWork Work(ConvolutionalNetwork network) => new(
        () => Build(network), ConvolutionalNetwork.Classes, network.Batches, network.Batch, network.Channels, network.Size, network.Size);

    private static nn.Module<Tensor, Tensor> Build(ConvolutionalNetwork network)
    {
        if (network.Hidden is not { } hidden)
        {
            return nn.Sequential(
                ("conv", nn.Conv2d(3, 16, 3, padding: 1, bias: false)), ("norm", nn.BatchNorm2d(16)), ("relu", nn.ReLU()),
                ("block1", new Block(16, 16)), ("block2", new Block(16, 16)),
                ("block3", new Block(16, 32)), ("block4", new Block(32, 32)),
                ("block5", new Block(32, 64)), ("block6", new Block(64, 64)),
                ("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("dense", nn.Linear(64, ConvolutionalNetwork.Classes)));
        }

        int side = network.Size / 4;
        return nn.Sequential(
            ("conv1", nn.Conv2d(network.Channels, 32, 3, padding: 1)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(32, 64, 3, padding: 1)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)),
            ("flatten", nn.Flatten()), ("dense1", nn.Linear(64 * side * side, hidden)), ("relu3", nn.ReLU()), ("dense2", nn.Linear(hidden, ConvolutionalNetwork.Classes)));
    }

    // With more channels than it is given it halves the images, and projects past itself.
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> _conv1, _norm1, _conv2, _norm2;
        private readonly nn.Module<Tensor, Tensor>? _projection, _projectionNorm;

        public Block(int channels, int filters) : base("block")
        {
            int stride = channels == filters ? 1 : 2;
            _conv1 = nn.Conv2d(channels, filters, 3, stride: stride, padding: 1, bias: false);
            _norm1 = nn.BatchNorm2d(filters);
            _conv2 = nn.Conv2d(filters, filters, 3, padding: 1, bias: false);
            _norm2 = nn.BatchNorm2d(filters);
            if (channels != filters)
            {
                _projection = nn.Conv2d(channels, filters, 1, stride: stride, bias: false);
                _projectionNorm = nn.BatchNorm2d(filters);
            }

            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            Tensor inner = _norm1.call(_conv1.call(x)).relu_();
            Tensor y = _norm2.call(_conv2.call(inner));
            return y.add_(_projection is null ? x : _projectionNorm!.call(_projection.call(x))).relu_();
        }
    }
}
