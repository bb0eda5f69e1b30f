using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>A network with mini-batches to train it on, and the pieces of a training step.</summary>
internal sealed class StepWork : IDisposable
{
    private readonly nn.Module<Tensor, Tensor> _network;
    private readonly TorchSharp.Modules.Parameter[] _parameters;
    private readonly TorchSharp.Modules.CrossEntropyLoss _crossEntropy = nn.CrossEntropyLoss();
    private readonly (Tensor Inputs, Tensor Labels)[] _batches;
    private int _next;

    /// <param name="build">Makes the network.</param>
    /// <param name="classes">The length of its output.</param>
    /// <param name="batches">How many mini-batches are used in turn.</param>
    /// <param name="shape">Of a mini-batch.</param>
    public StepWork(Func<nn.Module<Tensor, Tensor>> build, int classes, int batches, params long[] shape)
    {
        manual_seed(1);
        _network = build();
        _network.train();
        _parameters = [.. _network.parameters()];
        _batches = [.. Enumerable.Range(0, batches).Select(seed => (Libtorch.Values(10 + seed, shape), Libtorch.Labels((int)shape[0], classes, 20 + seed)))];
    }

    /// <summary>A whole step.</summary>
    /// <param name="isAdam">Whether Adam updates the weights, or plain gradient descent.</param>
    /// <param name="clips">Whether the gradient's norm is limited.</param>
    /// <param name="dropsGradients">Whether gradients are dropped, PyTorch's default, which saves filling them with zeros, TorchSharp's.</param>
    public Action Step(bool isAdam, bool clips = false, bool dropsGradients = false)
    {
        optim.Optimizer optimizer = isAdam ? optim.Adam(_parameters, 1e-3) : optim.SGD(_parameters, 0.01);
        return () =>
        {
            using DisposeScope scope = NewDisposeScope();
            if (dropsGradients)
                _network.zero_grad(set_to_none: true);
            else
                optimizer.zero_grad();
            Loss().backward();
            if (clips)
                nn.utils.clip_grad_norm_(_parameters, 1.0);
            optimizer.step();
        };
    }

    /// <summary>Prints how long the parts of a step take.</summary>
    public void PrintParts(FigureRun run, string name)
    {
        using optim.Optimizer sgd = optim.SGD(_parameters, 1e-6), adam = optim.Adam(_parameters, 1e-6);

        void Time(string part, Action work) => run.Time($"{name}.part.{part}", 1e6, "us", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            work();
        });

        Loss().backward(); // from here on there are gradients
        Time("forward_loss", () => Loss());
        Time("zero_grad_forward_loss_backward", () =>
        {
            sgd.zero_grad();
            Loss().backward();
        });
        Time("sgd_step", () => sgd.step());
        Time("adam_step", () => adam.step());
        Time("clip_grad_norm", () => nn.utils.clip_grad_norm_(_parameters, 1.0));
    }

    /// <summary>Lets the memory go.</summary>
    public void Dispose()
    {
        _network.Dispose();
        _crossEntropy.Dispose();
        foreach ((Tensor inputs, Tensor labels) in _batches)
        {
            inputs.Dispose();
            labels.Dispose();
        }
    }

    private Tensor Loss()
    {
        _next = (_next + 1) % _batches.Length;
        (Tensor inputs, Tensor labels) = _batches[_next];
        return _crossEntropy.call(_network.call(inputs), labels);
    }
}
