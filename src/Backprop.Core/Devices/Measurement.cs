using Backprop.Memory;

namespace Backprop.Devices;

/// <summary>What one number of the host is to say about a block.</summary>
internal enum MeasurementKind
{
    /// <summary>Its first element.</summary>
    FirstElement,

    /// <summary>As <see cref="Device.SumOfSquares"/>.</summary>
    SumOfSquares,

    /// <summary>As <see cref="Device.SumOfMagnitudes"/>.</summary>
    SumOfMagnitudes,

    /// <summary>As <see cref="Device.LargestMagnitude"/>.</summary>
    LargestMagnitude,
}

/// <summary>A number that the host will ask for: see <see cref="Device.Anticipate"/>.</summary>
internal readonly record struct Measurement(MeasurementKind Kind, MemoryBlock Block, int Length);
