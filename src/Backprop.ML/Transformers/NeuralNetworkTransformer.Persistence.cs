using Backprop.ML;
using Microsoft.ML;
using Microsoft.ML.Runtime;

// By this attribute MLContext.Model.Load finds the way back: the model file names this assembly and the loader's signature.
[assembly: LoadableClass(typeof(NeuralNetworkTransformer), typeof(NeuralNetworkTransformer), null, typeof(SignatureLoadModel),
    NeuralNetworkTransformer.UserName, NeuralNetworkTransformer.LoaderSignature)]

namespace Backprop.ML;

public sealed partial class NeuralNetworkTransformer
{
    internal const string UserName = "Neural network scorer";

    internal const string LoaderSignature = "BackpropNeuralNetwork";

    private const string PayloadName = "NeuralNetwork";

    // The simple name: a full one would tie the file to the version of this assembly that wrote it.
    private static VersionInfo Version { get; } = new(
        modelSignature: "BKPROPNN",
        verWrittenCur: 0x00010001,
        verReadableCur: 0x00010001,
        verWeCanReadBack: 0x00010001,
        loaderAssemblyName: typeof(NeuralNetworkTransformer).Assembly.GetName().Name!,
        loaderSignature: LoaderSignature);

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        ctx.SetVersionInfo(Version);
        ctx.SaveBinaryStream(PayloadName, writer => ToFile().Write(writer.BaseStream));
    }

    // ML.NET calls it by reflection.
    private static NeuralNetworkTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        ctx.CheckAtModel(Version);
        Persistence.ModelFile? file = null;
        if (!ctx.TryLoadBinaryStream(PayloadName, reader => file = Persistence.ModelFile.Read(reader.BaseStream)) || file is null)
            throw new InvalidModelException($"it has no entry '{PayloadName}'", 0);
        return new NeuralNetworkTransformer(env, file);
    }
}
