using System.Runtime.InteropServices;
using Backprop.Devices;
using Backprop.Layers;
using Backprop.Tensors;

namespace Backprop.Training;

/// <summary>
/// Fetches all numbers of a mini-batch that decide how training goes on (the loss, what shows whether the gradients are finite, their
/// norm where it is wanted) with one wait for a device that works beside the host. Does nothing on the processor.
/// </summary>
internal sealed class StepMeasurements(Device device, ParameterCollection parameters, GradientWatch watch, bool isScaled)
{
    private readonly List<Measurement> _measurements = [];

    /// <summary>Fetches the numbers after a backward pass.</summary>
    /// <param name="loss">The summed loss.</param>
    /// <param name="isStep">Whether a step follows, for which the gradients' norms may be needed.</param>
    /// <param name="step">Its number.</param>
    /// <param name="clipping">How its gradients will be clipped.</param>
    public void Fetch(TensorStorage loss, bool isStep, long step, GradientClipping clipping)
    {
        if (!device.Anticipates)
            return;
        _measurements.Clear();
        _measurements.Add(new Measurement(MeasurementKind.FirstElement, loss.Values, 1));
        if (isScaled)
            AddAll(MeasurementKind.LargestMagnitude);
        else
            foreach (Parameter parameter in watch.Sentinels)
                Add(MeasurementKind.LargestMagnitude, parameter);
        if (isStep && clipping.IsByNorm)
            AddAll(clipping.P == 2f ? MeasurementKind.SumOfSquares : clipping.P == 1f ? MeasurementKind.SumOfMagnitudes : MeasurementKind.LargestMagnitude);
        if (isStep && watch.IsDue(step, clipping))
            AddAll(MeasurementKind.SumOfSquares);
        device.Anticipate(CollectionsMarshal.AsSpan(_measurements));
    }

    /// <summary>Before anything that was measured changes.</summary>
    public void Forget() => device.ForgetAnticipated();

    private void AddAll(MeasurementKind kind)
    {
        foreach (Parameter parameter in parameters.AsSpan())
            Add(kind, parameter);
    }

    private void Add(MeasurementKind kind, Parameter parameter)
    {
        if (parameter.HasGradient)
            _measurements.Add(new Measurement(kind, parameter.Storage.Gradient!, parameter.Shape.Length));
    }
}
