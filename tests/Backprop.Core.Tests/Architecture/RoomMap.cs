using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text;

namespace Backprop.Tests;

/// <summary>
/// In which room (folder of the source tree) each type of an assembly stands, by the documents of its portable PDB: the
/// public types all share one namespace, so the namespace cannot tell.
/// </summary>
internal sealed class RoomMap : IDisposable
{
    // Custom debug information "TypeDefinitionDocuments": the source files of types without methods, such as enums.
    private static readonly Guid TypeDefinitionDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private readonly FileStream _assemblyFile, _pdbFile;
    private readonly PEReader _executable;
    private readonly MetadataReaderProvider _pdbProvider;
    private readonly MetadataReader _pdb;
    private readonly string _folder;

    public RoomMap(Assembly assembly, string folder)
    {
        _folder = folder;
        _assemblyFile = File.OpenRead(assembly.Location);
        _pdbFile = File.OpenRead(Path.ChangeExtension(assembly.Location, ".pdb"));
        _executable = new PEReader(_assemblyFile);
        Metadata = _executable.GetMetadataReader();
        _pdbProvider = MetadataReaderProvider.FromPortablePdbStream(_pdbFile);
        _pdb = _pdbProvider.GetMetadataReader();
        Rooms = Metadata.TypeDefinitions.ToDictionary(type => type, RoomOf);
    }

    public MetadataReader Metadata { get; }

    /// <summary>The room of each type; null for what the compiler made up and types outside of all rooms.</summary>
    public IReadOnlyDictionary<TypeDefinitionHandle, string?> Rooms { get; }

    public string NameOf(TypeDefinitionHandle handle)
    {
        TypeDefinition type = Metadata.GetTypeDefinition(handle);
        string name = Metadata.GetString(type.Name);
        return type.GetDeclaringType() is { IsNil: false } outer ? $"{NameOf(outer)}.{name}" : name;
    }

    /// <summary>The intermediate code of a method; null where it has none.</summary>
    public byte[]? CodeOf(MethodDefinition method) =>
        method.RelativeVirtualAddress == 0 ? null : _executable.GetMethodBody(method.RelativeVirtualAddress).GetILBytes();

    public StandaloneSignatureHandle LocalsOf(MethodDefinition method) =>
        method.RelativeVirtualAddress == 0 ? default : _executable.GetMethodBody(method.RelativeVirtualAddress).LocalSignature;

    public IEnumerable<EntityHandle> CaughtTypesOf(MethodDefinition method) => method.RelativeVirtualAddress == 0
        ? []
        : _executable.GetMethodBody(method.RelativeVirtualAddress).ExceptionRegions.Select(region => region.CatchType).Where(type => !type.IsNil);

    public void Dispose()
    {
        _executable.Dispose();
        _pdbProvider.Dispose();
        _assemblyFile.Dispose();
        _pdbFile.Dispose();
    }

    private string? RoomOf(TypeDefinitionHandle handle)
    {
        foreach (string path in DocumentsOf(handle).Distinct())
        {
            string marker = $"/{_folder}/", normalized = path.Replace('\\', '/');
            int start = normalized.LastIndexOf(marker, StringComparison.Ordinal);
            if (start < 0)
                continue;
            string[] parts = normalized[(start + marker.Length)..].Split('/');
            if (parts.Length > 1 && parts[0] != "obj")
                return parts[0];
        }

        TypeDefinition type = Metadata.GetTypeDefinition(handle);
        return type.GetDeclaringType() is { IsNil: false } outer ? RoomOf(outer) : null;
    }

    private IEnumerable<string> DocumentsOf(TypeDefinitionHandle handle)
    {
        foreach (CustomDebugInformationHandle informationHandle in _pdb.GetCustomDebugInformation(handle))
        {
            CustomDebugInformation information = _pdb.GetCustomDebugInformation(informationHandle);
            if (_pdb.GetGuid(information.Kind) != TypeDefinitionDocuments)
                continue;
            BlobReader blob = _pdb.GetBlobReader(information.Value);
            while (blob.RemainingBytes > 0)
                yield return PathOf(MetadataTokens.DocumentHandle(blob.ReadCompressedInteger()));
        }

        foreach (MethodDefinitionHandle method in Metadata.GetTypeDefinition(handle).GetMethods())
        {
            MethodDebugInformation information = _pdb.GetMethodDebugInformation(method.ToDebugInformationHandle());
            if (!information.Document.IsNil)
                yield return PathOf(information.Document);
        }
    }

    private string PathOf(DocumentHandle handle) => _pdb.GetString(_pdb.GetDocument(handle).Name);
}
