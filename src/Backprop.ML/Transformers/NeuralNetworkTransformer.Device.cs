namespace Backprop.ML;

public sealed partial class NeuralNetworkTransformer
{
    /// <summary>
    /// The same model, computing its predictions on another device; this one stays where it is. A GPU gains for large batches
    /// (<see cref="Transform"/>); a single row is faster on the processor, where trained and loaded models are. On a GPU a row's score
    /// may differ in its last digits from the processor's, and between a batch and the row alone.
    /// </summary>
    /// <param name="device">The device, for example <see cref="Device.Gpu"/> or <see cref="Device.Cpu"/>.</param>
    /// <exception cref="DeviceException">The device failed.</exception>
    public NeuralNetworkTransformer On(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        try
        {
            return new NeuralNetworkTransformer(_host, _task, _layout, new NeuralNetworkModelParameters(Model.Network.Copy(device), Model.History, Model.Imputed), KeyValues, (_scorer.Columns as Scoring.AnomalyColumns)?.Calibration);
        }
        catch (Exception e) when (e is not DeviceException && device.Explain(e) is { } failure)
        {
            throw _host.Process(failure);
        }
    }
}
