using System.Buffers;
using System.Numerics.Tensors;
using Backprop.Autograd;
using Backprop.Tensors;

namespace Backprop;

/// <summary>
/// One step of computation. The tape records the operations of a forward pass, runs them backwards by the chain rule
/// (reverse-mode differentiation), and owns the memory of every tensor made on the way: disposing it gives all of that
/// back to the pool. Parameters and their gradients live outside it.
/// </summary>
/// <remarks>
/// <para>One <c>using</c> per step, and nothing else to dispose; a steady-state step allocates nothing on the managed heap:</para>
/// <code>
/// using var tape = new Tape();
/// Tensor loss = Losses.MeanSquaredError(network.Forward(tape.Input(x, [32, 8]), training: true), tape.Input(y, [32, 1]));
/// network.Parameters.ZeroGradients();
/// tape.Backward(loss);
/// optimizer.Step();
/// </code>
/// <para>A tape and its tensors belong to one thread at a time; different threads use different tapes.</para>
/// </remarks>
public readonly struct Tape : IDisposable
{
    private readonly TapeState _state;
    private readonly int _generation;

    /// <summary>Begins a tape that records, on the processor.</summary>
    public Tape() : this(Device.Cpu)
    {
    }

    /// <summary>Begins a tape that records, on a device.</summary>
    /// <param name="device">Where its tensors live: the device of the network it is used with.</param>
    public Tape(Device device) : this(device, isRecording: true, CheckpointPolicy.None, Precision.Float32)
    {
    }

    /// <summary>Begins a tape that records on a device, but keeps of networks only some of the activations.</summary>
    /// <param name="device">Where its tensors live: the device of the network it is used with.</param>
    /// <param name="checkpointing">
    /// Which; the others are computed again by backward, with the same bits. Values in between can then not be read, and
    /// parameters must not change before Backward.
    /// </param>
    public Tape(Device device, CheckpointPolicy checkpointing) : this(device, isRecording: true, checkpointing, Precision.Float32)
    {
    }

    /// <summary>
    /// The same in a precision: networks round to it what layers hand to each other and keep it in that form, and products
    /// round their factors. Their results, losses and gradients are float32.
    /// </summary>
    /// <param name="device">Where its tensors live: the device of the network it is used with.</param>
    /// <param name="checkpointing">Which activations are kept.</param>
    /// <param name="precision">To what they are rounded, and in which form they are kept.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such precision.</exception>
    public Tape(Device device, CheckpointPolicy checkpointing, Precision precision) : this(device, isRecording: true, checkpointing, precision)
    {
        if (!Enum.IsDefined(precision))
            throw new ArgumentOutOfRangeException(nameof(precision), precision, $"{precision} is no precision; expected one of {string.Join(", ", Enum.GetNames<Precision>())}.");
    }

    private Tape(Device device, bool isRecording, CheckpointPolicy checkpointing, Precision precision)
    {
        ArgumentNullException.ThrowIfNull(device);
        _state = TapeState.Begin(device, isRecording, checkpointing, precision);
        _generation = _state.Generation;
    }

    internal TapeState State => _state is not null && _state.Generation == _generation
        ? _state
        : throw new ObjectDisposedException(nameof(Tape), "This tape has ended, or is default(Tape). Begin one with new Tape().");

    /// <summary>Begins a tape that records nothing: for predictions.</summary>
    /// <param name="device">Where its tensors live; the processor when null.</param>
    public static Tape ForInference(Device? device = null) => new(device ?? Device.Cpu, isRecording: false, CheckpointPolicy.None, Precision.Float32);

    /// <summary>Brings values in as a tensor.</summary>
    /// <param name="values">The values in row-major order; copied.</param>
    /// <param name="shape">The axis lengths; their product is the number of values.</param>
    /// <param name="requiresGradient">Whether backward computes the gradient with respect to this tensor. Default: no.</param>
    /// <exception cref="ShapeException">The shape does not have as many elements as there are values.</exception>
    public Tensor Input(ReadOnlySpan<float> values, Shape shape, bool requiresGradient = false)
    {
        if (values.Length != shape.Length)
            throw new ShapeException($"tape.Input: shape {shape} has {shape.Length} elements, but {values.Length} values were given.");
        TensorStorage tensor = State.Allocate(shape);
        tensor.RequiresGradient = requiresGradient;
        _state.Device.Upload(values, tensor.Values);
        return new Tensor(tensor);
    }

    /// <summary>Brings a tensor span in, of any strides, with its shape.</summary>
    /// <param name="values">The values; copied.</param>
    /// <param name="requiresGradient">Whether backward computes the gradient with respect to this tensor. Default: no.</param>
    /// <exception cref="ShapeException">The span has more than eight axes, or one that is too long.</exception>
    public Tensor Input(in ReadOnlyTensorSpan<float> values, bool requiresGradient = false)
    {
        Span<int> lengths = stackalloc int[Math.Min(values.Rank, Shape.MaximumRank + 1)];
        for (int axis = 0; axis < lengths.Length; axis++)
            lengths[axis] = (int)Math.Min(values.Lengths[axis], int.MaxValue);
        Shape shape = Shape.Create(lengths);
        float[] rented = ArrayPool<float>.Shared.Rent(shape.Length);
        try
        {
            Span<float> flat = rented.AsSpan(0, shape.Length);
            values.FlattenTo(flat);
            return Input(flat, shape, requiresGradient);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>
    /// Computes the gradient of a scalar with respect to every parameter and input it depends on, and adds it to theirs
    /// (so two tapes without zeroing in between give the sum: gradient accumulation). Intermediate gradients, and values
    /// inside layers, are given back to the pool as soon as they have been used.
    /// </summary>
    /// <param name="loss">A tensor with one element.</param>
    /// <exception cref="InvalidOperationException">
    /// The tensor is not a scalar, backward has run already, nothing requires a gradient, or a value that an operation
    /// needs was changed in place; the message names the operation.
    /// </exception>
    public void Backward(Tensor loss)
    {
        if (loss.Length != 1)
            throw new InvalidOperationException($"Backward starts from a loss with one element; this tensor has shape {loss.Shape}. Take Mean() or Sum(), or pass the gradient of the output.");
        Backward(loss, [1f]);
    }

    /// <summary>The same, starting from a given gradient of the output: computes the vector-Jacobian product.</summary>
    /// <param name="output">The tensor to start from.</param>
    /// <param name="gradOutput">The gradient with respect to it, as many values as it has.</param>
    /// <exception cref="ShapeException">The number of values is another.</exception>
    public void Backward(Tensor output, ReadOnlySpan<float> gradOutput)
    {
        if (gradOutput.Length != output.Length)
            throw new ShapeException($"Backward: the output of shape {output.Shape} has {output.Length} elements, but its gradient {gradOutput.Length}.");
        if (output.Storage.Scope != State)
            throw new InvalidOperationException("Backward: this tensor was not made on this tape.");
        _state.Backward(output.Storage, gradOutput);
    }

    /// <summary>Ends the tape: its tensors can no longer be used. Doing so twice does no harm.</summary>
    public void Dispose()
    {
        if (_state is not null && _state.Generation == _generation)
            _state.End();
    }
}
