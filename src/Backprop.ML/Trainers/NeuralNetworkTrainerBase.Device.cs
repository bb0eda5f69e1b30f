using Backprop.Devices.Gpu;
using Backprop.Training;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

public abstract partial class NeuralNetworkTrainerBase
{
    /// <summary>
    /// Trains a network where the options say. A GPU gets a copy, whose weights are taken back at the end: what becomes of the network
    /// afterwards, and its predictions, are the processor's.
    /// </summary>
    private TrainingHistory OnChosenDevice(Network network, int batchSize, IChannel channel, Func<Network, TrainingHistory> train)
    {
        if (_options.Device == DeviceSelection.Cpu)
            return train(network);
        if (_options.Device == DeviceSelection.Gpu)
        {
            try
            {
                return OnGpu(network, channel, train, "as the option Device says");
            }
            catch (DeviceException e)
            {
                throw _host.Process(new DeviceException($"The option {nameof(NeuralNetworkOptions.Device)} asks for GPU {_options.GpuIndex}. {e.Message} {nameof(DeviceSelection)}.{nameof(DeviceSelection.Auto)} takes the processor where there is no GPU.", e));
            }
        }

        bool gains = DeviceChoice.Gains(network, batchSize, _options.NumberOfThreads ?? Environment.ProcessorCount, out string reason);
        if (!gains)
        {
            channel.Info(MessageSensitivity.None, "Training on the processor: {0}.", reason);
            return train(network);
        }

        try
        {
            return OnGpu(network, channel, train, reason);
        }
        catch (DeviceException e)
        {
            // Without a GPU nothing is wrong; where one has failed it should be known.
            bool isThere = BackpropDevices.List().Any(device => device.Kind != DeviceKind.Cpu);
            channel.Trace(MessageSensitivity.None, "{0}", e.ToString());
            if (isThere)
                channel.Warning(MessageSensitivity.None, "Training on the processor, from the beginning: {0}", e.Message);
            else
                channel.Info(MessageSensitivity.None, "Training on the processor: there is no GPU, which would gain ({0}).", reason);
        }
        catch (InsufficientMemoryException e)
        {
            channel.Warning(MessageSensitivity.None, "Training on the processor, from the beginning, because the GPU has too little memory: {0}", e.Message);
        }

        return train(network);
    }

    private TrainingHistory OnGpu(Network network, IChannel channel, Func<Network, TrainingHistory> train, string reason)
    {
        using GpuDevice device = GpuRuntime.Create(_options.GpuIndex);
        channel.Info(MessageSensitivity.None, "Training on {0}: {1}.", device, reason);
        try
        {
            Network placed = network.Copy(device);
            TrainingHistory history = train(placed);
            network.TakeState(placed);
            return history;
        }
        catch (Exception e) when (e is not DeviceException && device.Explain(e) is { } failure)
        {
            throw failure;
        }
    }
}
