namespace Backprop;

/// <summary>A tensor has a shape that an operation, a layer or a network cannot take. The message names both.</summary>
public sealed class ShapeException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    public ShapeException(string message) : base(message)
    {
    }
}
