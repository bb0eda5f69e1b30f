namespace Backprop.Devices.Gpu;

/// <summary>
/// Marks a method that runs on the device, so that the tests find and compile every one of them. A generic kernel carries
/// one attribute for each set of type arguments it is launched with.
/// </summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class GpuKernelAttribute(params Type[] typeArguments) : Attribute
{
    /// <summary>The type arguments; empty for a kernel that is not generic.</summary>
    public IReadOnlyList<Type> TypeArguments { get; } = typeArguments;
}
