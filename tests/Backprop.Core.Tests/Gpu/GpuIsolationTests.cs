using System.Reflection;
using System.Runtime.Loader;

namespace Backprop.Tests;

/// <summary>Who computes on the processor pays nothing for the GPU: not even the assembly is loaded.</summary>
public class GpuIsolationTests
{
    [Fact]
    public void ATrainingOnTheProcessorLoadsNothingOfTheGpu()
    {
        Assert.DoesNotContain("ILGPU", LoadedBy(nameof(AloneWithTheEngine.Train)));
        Assert.Contains("ILGPU", LoadedBy(nameof(AloneWithTheEngine.List))); // or the context would see nothing
    }

    private static IReadOnlyCollection<string> LoadedBy(string method)
    {
        var context = new RecordingContext();
        Type type = context.LoadFromAssemblyPath(typeof(AloneWithTheEngine).Assembly.Location).GetType(typeof(AloneWithTheEngine).FullName!)!;
        Assert.NotSame(typeof(AloneWithTheEngine), type);
        type.GetMethod(method, BindingFlags.Static | BindingFlags.Public)!.Invoke(null, null);
        return [.. context.Assemblies.Select(assembly => assembly.GetName().Name!)];
    }

    private sealed class RecordingContext() : AssemblyLoadContext("alone")
    {
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            // Ours and ILGPU are loaded anew; the framework and the test framework are shared.
            string path = Path.Combine(AppContext.BaseDirectory, assemblyName.Name + ".dll");
            return assemblyName.Name is "Backprop.Core" or "ILGPU" && File.Exists(path) ? LoadFromAssemblyPath(path) : null;
        }
    }
}

/// <summary>What runs in a context of its own.</summary>
public static class AloneWithTheEngine
{
    /// <summary>Trains and predicts on the processor.</summary>
    public static void Train()
    {
        Network network = Network.Build(layers => layers.Dense(4).Relu().Dense(3), [2]);
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1 }).Run(new MemoryBatchSource(new float[12], [2], new float[6]));
        network.Predict(new float[4], new float[6]);
    }

    /// <summary>Looks for GPUs.</summary>
    public static void List() => BackpropDevices.List();
}
