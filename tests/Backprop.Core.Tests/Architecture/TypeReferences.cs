using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace Backprop.Tests;

/// <summary>Every type of its own assembly that a type mentions: base types, fields, signatures, attributes and method bodies.</summary>
internal sealed class TypeReferences(RoomMap map)
{
    private static readonly OpCode[] OneByte = new OpCode[256], TwoBytes = new OpCode[256];
    private readonly MetadataReader _metadata = map.Metadata;

    static TypeReferences()
    {
        foreach (FieldInfo field in typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            var code = (OpCode)field.GetValue(null)!;
            (code.Size == 1 ? OneByte : TwoBytes)[(byte)code.Value] = code;
        }
    }

    public HashSet<TypeDefinitionHandle> Of(TypeDefinitionHandle handle)
    {
        var found = new HashSet<TypeDefinitionHandle>();
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        Add(type.BaseType, found);
        foreach (InterfaceImplementationHandle implementation in type.GetInterfaceImplementations())
            Add(_metadata.GetInterfaceImplementation(implementation).Interface, found);
        foreach (FieldDefinitionHandle field in type.GetFields())
            AddAll(_metadata.GetFieldDefinition(field).DecodeSignature(Collector.Instance, null), found);
        foreach (GenericParameterHandle parameter in type.GetGenericParameters())
            AddConstraints(parameter, found);
        AddAttributes(type.GetCustomAttributes(), found);
        foreach (MethodDefinitionHandle methodHandle in type.GetMethods())
            AddMethod(_metadata.GetMethodDefinition(methodHandle), found);
        return found;
    }

    private void AddMethod(MethodDefinition method, HashSet<TypeDefinitionHandle> found)
    {
        AddAll(method.DecodeSignature(Collector.Instance, null), found);
        foreach (GenericParameterHandle parameter in method.GetGenericParameters())
            AddConstraints(parameter, found);
        AddAttributes(method.GetCustomAttributes(), found);
        if (map.LocalsOf(method) is { IsNil: false } locals)
            foreach (ImmutableArray<TypeDefinitionHandle> local in _metadata.GetStandaloneSignature(locals).DecodeLocalSignature(Collector.Instance, null))
                found.UnionWith(local);
        foreach (EntityHandle caught in map.CaughtTypesOf(method))
            Add(caught, found);
        if (map.CodeOf(method) is { } code)
            foreach (EntityHandle token in TokensOf(code))
                Add(token, found);
    }

    private void AddConstraints(GenericParameterHandle parameter, HashSet<TypeDefinitionHandle> found)
    {
        foreach (GenericParameterConstraintHandle constraint in _metadata.GetGenericParameter(parameter).GetConstraints())
            Add(_metadata.GetGenericParameterConstraint(constraint).Type, found);
    }

    private void AddAttributes(CustomAttributeHandleCollection attributes, HashSet<TypeDefinitionHandle> found)
    {
        foreach (CustomAttributeHandle attribute in attributes)
            Add(_metadata.GetCustomAttribute(attribute).Constructor, found);
    }

    private void Add(EntityHandle handle, HashSet<TypeDefinitionHandle> found)
    {
        if (handle.IsNil)
            return;
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                found.Add((TypeDefinitionHandle)handle);
                break;
            case HandleKind.TypeSpecification:
                found.UnionWith(_metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(Collector.Instance, null));
                break;
            case HandleKind.MethodDefinition:
                MethodDefinition method = _metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                found.Add(method.GetDeclaringType());
                AddAll(method.DecodeSignature(Collector.Instance, null), found);
                break;
            case HandleKind.FieldDefinition:
                FieldDefinition field = _metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                found.Add(field.GetDeclaringType());
                AddAll(field.DecodeSignature(Collector.Instance, null), found);
                break;
            case HandleKind.MemberReference:
                MemberReference member = _metadata.GetMemberReference((MemberReferenceHandle)handle);
                Add(member.Parent, found);
                if (member.GetKind() == MemberReferenceKind.Method)
                    AddAll(member.DecodeMethodSignature(Collector.Instance, null), found);
                else
                    found.UnionWith(member.DecodeFieldSignature(Collector.Instance, null));
                break;
            case HandleKind.MethodSpecification:
                MethodSpecification specification = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                Add(specification.Method, found);
                foreach (ImmutableArray<TypeDefinitionHandle> argument in specification.DecodeSignature(Collector.Instance, null))
                    found.UnionWith(argument);
                break;
        }
    }

    private static void AddAll(ImmutableArray<TypeDefinitionHandle> types, HashSet<TypeDefinitionHandle> found) => found.UnionWith(types);

    private static void AddAll(MethodSignature<ImmutableArray<TypeDefinitionHandle>> signature, HashSet<TypeDefinitionHandle> found)
    {
        found.UnionWith(signature.ReturnType);
        foreach (ImmutableArray<TypeDefinitionHandle> parameter in signature.ParameterTypes)
            found.UnionWith(parameter);
    }

    private static IEnumerable<EntityHandle> TokensOf(byte[] code)
    {
        for (int i = 0; i < code.Length;)
        {
            OpCode operation = code[i] == 0xFE ? TwoBytes[code[++i]] : OneByte[code[i]];
            i++;
            switch (operation.OperandType)
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok:
                    yield return MetadataTokens.EntityHandle(BitConverter.ToInt32(code, i));
                    i += 4;
                    break;
                case OperandType.InlineSwitch:
                    i += 4 + 4 * BitConverter.ToInt32(code, i);
                    break;
                default:
                    i += OperandSize(operation.OperandType);
                    break;
            }
        }
    }

    private static int OperandSize(OperandType type) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => 4,
    };

    /// <summary>Reads a signature as the list of the assembly's own types in it.</summary>
    private sealed class Collector : ISignatureTypeProvider<ImmutableArray<TypeDefinitionHandle>, object?>
    {
        public static readonly Collector Instance = new();

        public ImmutableArray<TypeDefinitionHandle> GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => [handle];

        public ImmutableArray<TypeDefinitionHandle> GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => [];

        public ImmutableArray<TypeDefinitionHandle> GetTypeFromSpecification(MetadataReader reader, object? context, TypeSpecificationHandle handle, byte rawTypeKind) =>
            reader.GetTypeSpecification(handle).DecodeSignature(this, context);

        public ImmutableArray<TypeDefinitionHandle> GetGenericInstantiation(ImmutableArray<TypeDefinitionHandle> type, ImmutableArray<ImmutableArray<TypeDefinitionHandle>> arguments) =>
            [.. type, .. arguments.SelectMany(argument => argument)];

        public ImmutableArray<TypeDefinitionHandle> GetFunctionPointerType(MethodSignature<ImmutableArray<TypeDefinitionHandle>> signature) =>
            [.. signature.ReturnType, .. signature.ParameterTypes.SelectMany(parameter => parameter)];

        public ImmutableArray<TypeDefinitionHandle> GetModifiedType(ImmutableArray<TypeDefinitionHandle> modifier, ImmutableArray<TypeDefinitionHandle> type, bool isRequired) => [.. modifier, .. type];

        public ImmutableArray<TypeDefinitionHandle> GetArrayType(ImmutableArray<TypeDefinitionHandle> type, ArrayShape shape) => type;

        public ImmutableArray<TypeDefinitionHandle> GetByReferenceType(ImmutableArray<TypeDefinitionHandle> type) => type;

        public ImmutableArray<TypeDefinitionHandle> GetPinnedType(ImmutableArray<TypeDefinitionHandle> type) => type;

        public ImmutableArray<TypeDefinitionHandle> GetPointerType(ImmutableArray<TypeDefinitionHandle> type) => type;

        public ImmutableArray<TypeDefinitionHandle> GetSZArrayType(ImmutableArray<TypeDefinitionHandle> type) => type;

        public ImmutableArray<TypeDefinitionHandle> GetPrimitiveType(PrimitiveTypeCode typeCode) => [];

        public ImmutableArray<TypeDefinitionHandle> GetGenericMethodParameter(object? context, int index) => [];

        public ImmutableArray<TypeDefinitionHandle> GetGenericTypeParameter(object? context, int index) => [];
    }
}
