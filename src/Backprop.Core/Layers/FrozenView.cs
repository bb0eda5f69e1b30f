namespace Backprop.Layers;

/// <summary>A second network on the same parameter values, for gradients with respect to inputs alone.</summary>
internal static class FrozenView
{
    /// <summary>
    /// The same network with the same values, in the same memory, but no gradients of its parameters: any number of threads may go forward and
    /// backward through it at once, each on a tape of its own, while nobody trains.
    /// </summary>
    public static Network Frozen(this Network network)
    {
        var view = new Network(network.Definition, network.InputShape, network.Seed, network.Device, new ParameterFactory(network.Device, network.Seed, draw: false));
        for (int i = 0; i < network.Parameters.Count; i++)
            view.Parameters[i].ShowValuesOf(network.Parameters[i]);
        return view;
    }
}
