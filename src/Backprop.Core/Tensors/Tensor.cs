using System.Numerics.Tensors;
using Backprop.Tensors;

namespace Backprop;

/// <summary>
/// A handle to values on a device, or to a parameter. Tensors that come from a <c>Tape</c> live until that tape ends and
/// need no disposal; using one later is an error that says so.
/// </summary>
public readonly struct Tensor : IEquatable<Tensor>
{
    private readonly TensorStorage? _storage;
    private readonly int _generation;

    internal Tensor(TensorStorage storage)
    {
        _storage = storage;
        _generation = storage.Generation;
    }

    /// <summary>The axis lengths.</summary>
    public Shape Shape => Storage.Shape;

    /// <summary>What the elements are.</summary>
    public ElementType ElementType => Storage.ElementType;

    /// <summary>Where the values are.</summary>
    public Device Device => Storage.Device;

    /// <summary>The number of elements.</summary>
    public int Length => Storage.Shape.Length;

    /// <summary>Whether backward computes a gradient for this tensor.</summary>
    public bool RequiresGradient => Storage.RequiresGradient;

    /// <summary>Whether this is the default value, which is no tensor.</summary>
    public bool IsDefault => _storage is null;

    /// <summary>The storage, checked to be alive.</summary>
    /// <exception cref="ObjectDisposedException">The tape that made this tensor has ended.</exception>
    internal TensorStorage Storage
    {
        get
        {
            if (_storage is null)
                throw new InvalidOperationException("This is default(Tensor), not a tensor. Make one with tape.Input or as the result of an operation.");
            if (_storage.Generation != _generation)
                throw new ObjectDisposedException(nameof(Tensor), "This tensor belongs to a tape that has ended: its memory is used for other tensors now. Use it, or copy its values with ToArray, before the tape is disposed.");
            return _storage;
        }
    }

    /// <summary>Copies the values, in row-major order, into a new array.</summary>
    /// <exception cref="ObjectDisposedException">The tape that made this tensor has ended.</exception>
    public float[] ToArray()
    {
        var values = new float[Length];
        CopyTo(values);
        return values;
    }

    /// <summary>Copies the values, in row-major order.</summary>
    /// <param name="destination">At least <see cref="Length"/> long.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void CopyTo(Span<float> destination)
    {
        TensorStorage storage = Storage;
        if (destination.Length < storage.Shape.Length)
            throw new ArgumentException($"The tensor of shape {storage.Shape} has {storage.Shape.Length} elements, but the destination only {destination.Length}.", nameof(destination));
        storage.Device.Download(storage.Values, destination[..storage.Shape.Length]);
    }

    /// <summary>Copies the values into a tensor span of the same number of elements.</summary>
    /// <exception cref="ArgumentException">The numbers of elements differ.</exception>
    public void CopyTo(in TensorSpan<float> destination)
    {
        if (destination.FlattenedLength != Length)
            throw new ArgumentException($"The tensor of shape {Shape} has {Length} elements, but the destination {destination.FlattenedLength}.", nameof(destination));
        float[] values = ToArray();
        new ReadOnlyTensorSpan<float>(values, destination.Lengths).CopyTo(destination);
    }

    /// <summary>The value of a tensor with one element.</summary>
    /// <exception cref="InvalidOperationException">The tensor has more or fewer elements.</exception>
    public float ToScalar()
    {
        if (Length != 1)
            throw new InvalidOperationException($"Only a tensor with one element is a scalar; this one has shape {Shape}. Take Sum() or Mean() first.");
        Span<float> value = stackalloc float[1];
        CopyTo(value);
        return value[0];
    }

    /// <summary>Replaces all values in place. A tape that needs the old ones for its backward pass will say so.</summary>
    /// <param name="values">As many values as the tensor has, in row-major order.</param>
    /// <exception cref="ArgumentException">The number of values is another.</exception>
    public void SetValues(ReadOnlySpan<float> values)
    {
        TensorStorage storage = Storage;
        if (values.Length != storage.Shape.Length)
            throw new ArgumentException($"The tensor of shape {storage.Shape} takes {storage.Shape.Length} values; {values.Length} were given.", nameof(values));
        storage.Device.Upload(values, storage.Values);
        storage.Root.Version++;
    }

    /// <summary>A copy of the gradient that backward has computed for this tensor, or of zeros if there is none yet.</summary>
    /// <exception cref="InvalidOperationException">The tensor requires no gradient, or backward has already given its gradient back.</exception>
    public float[] GradientToArray()
    {
        var values = new float[Length];
        CopyGradientTo(values);
        return values;
    }

    /// <summary>Copies the gradient that backward has computed for this tensor; zeros if there is none yet.</summary>
    /// <param name="destination">At least <see cref="Length"/> long.</param>
    /// <exception cref="InvalidOperationException">The tensor requires no gradient, or backward has already given its gradient back.</exception>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void CopyGradientTo(Span<float> destination)
    {
        TensorStorage storage = Storage;
        if (!storage.RequiresGradient)
            throw new InvalidOperationException($"This tensor of shape {storage.Shape} has no gradient: it requires none. Pass requiresGradient: true to tape.Input, or ask a parameter.");
        if (storage.GradientWasUsed)
            throw new InvalidOperationException($"The gradient of this intermediate tensor of shape {storage.Shape} was given back to the pool by the backward pass. Only parameters and inputs (requiresGradient: true) keep theirs.");
        if (destination.Length < storage.Shape.Length)
            throw new ArgumentException($"The gradient of the tensor of shape {storage.Shape} has {storage.Shape.Length} elements, but the destination only {destination.Length}.", nameof(destination));
        if (storage.Gradient is null || storage.GradientIsZero)
            destination[..storage.Shape.Length].Clear();
        else
            storage.Device.Download(storage.Gradient, destination[..storage.Shape.Length]);
    }

    /// <inheritdoc/>
    public bool Equals(Tensor other) => ReferenceEquals(_storage, other._storage) && _generation == other._generation;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_storage, _generation);

    /// <summary>Whether two handles point to the same tensor.</summary>
    public static bool operator ==(Tensor left, Tensor right) => left.Equals(right);

    /// <summary>Whether two handles point to different tensors.</summary>
    public static bool operator !=(Tensor left, Tensor right) => !left.Equals(right);

    /// <summary>Shape, element type and device.</summary>
    public override string ToString() =>
        _storage is null ? "no tensor" : _storage.Generation != _generation ? "a tensor of a tape that has ended" : $"{ElementType} {Shape} on {Device}";
}
