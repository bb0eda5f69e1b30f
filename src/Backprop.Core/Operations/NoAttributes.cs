namespace Backprop.Operations;

/// <summary>The attributes of an operation that has none.</summary>
internal readonly struct NoAttributes;
