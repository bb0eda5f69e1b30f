using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Activate(Activation activation, MemoryBlock x, MemoryBlock y, int length)
    {
        for (int i = 0; i < length; i++)
            Values(y)[i] = ActivationFormulas.Value(activation, Values(x)[i]);
    }

    internal override void ActivateBackward(
        Activation activation, MemoryBlock? x, MemoryBlock? y, MemoryBlock gradOutput, MemoryBlock gradInput, int length, bool accumulate)
    {
        for (int i = 0; i < length; i++)
        {
            double derivative = x is not null
                ? ActivationFormulas.Derivative(activation, Values(x)[i])
                : ActivationFormulas.DerivativeFromOutput(activation, Values(y!)[i]);
            Store(Values(gradInput), i, Values(gradOutput)[i] * derivative, accumulate);
        }
    }

    internal override void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length)
    {
        for (int i = 0; i < length; i++)
            Values(y)[i] = Values(a)[i] + Values(b)[i];
    }

    internal override void AddActivated(Activation activation, MemoryBlock a, MemoryBlock b, MemoryBlock y, int length)
    {
        for (int i = 0; i < length; i++)
            Values(y)[i] = ActivationFormulas.Value(activation, Values(a)[i] + Values(b)[i]);
    }

    internal override void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate)
    {
        for (int i = 0; i < length; i++)
            Store(Values(y), i, Values(a)[i] * Values(b)[i], accumulate);
    }

    internal override void Scale(float factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate)
    {
        for (int i = 0; i < length; i++)
            Store(Values(y), i, factor * Values(x)[i], accumulate);
    }

    internal override void Clamp(MemoryBlock x, float minimum, float maximum, int length)
    {
        for (int i = 0; i < length; i++)
            Values(x)[i] = Math.Min(Math.Max(Values(x)[i], minimum), maximum);
    }

    internal override void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate)
    {
        for (int i = 0; i < length; i++)
        {
            bool kept = Philox.ToUniform(Philox.Word(key, i)) >= rate;
            Store(Values(y), i, kept ? Values(x)[i] / (1 - (double)rate) : 0, accumulate);
        }
    }
}
