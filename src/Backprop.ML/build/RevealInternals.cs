using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies assemblies and sets the accessibility bits of the listed types and members to public. The copies are shown to the compiler
/// only. It walks the metadata tables itself (ECMA-335 II.22 and II.24) because an inline task compiles against netstandard 2.0,
/// where no metadata reader is at hand.
/// </summary>
public sealed class RevealInternals : Task
{
    [Required] public ITaskItem[] References { get; set; }

    /// <summary>Lines "assembly: type" or "assembly: type::member".</summary>
    [Required] public string NamesFile { get; set; }

    [Required] public string OutputFolder { get; set; }

    public override bool Execute()
    {
        Dictionary<string, HashSet<string>> wanted = File.ReadAllLines(NamesFile)
            .Where(line => line.Trim().Length > 0 && line[0] != '#')
            .Select(line => line.Split(new[] { ": " }, StringSplitOptions.None))
            .GroupBy(parts => parts[0])
            .ToDictionary(group => group.Key, group => new HashSet<string>(group.Select(parts => parts[1].Trim())));
        Directory.CreateDirectory(OutputFolder);
        foreach (ITaskItem reference in References)
        {
            string name = Path.GetFileNameWithoutExtension(reference.ItemSpec);
            HashSet<string> names;
            if (!wanted.TryGetValue(name, out names))
                continue;
            wanted.Remove(name);
            var metadata = new Metadata(File.ReadAllBytes(reference.ItemSpec));
            foreach (string missing in names.Except(metadata.Reveal(names)))
                Log.LogError("{0}: '{1}' is not in {2}. This version of ML.NET has moved or removed it.", NamesFile, missing, reference.ItemSpec);
            if (!Log.HasLoggedErrors)
                File.WriteAllBytes(Path.Combine(OutputFolder, name + ".dll"), metadata.Bytes);
        }
        foreach (string assembly in wanted.Keys)
            Log.LogError("{0}: the project does not reference {1}.", NamesFile, assembly);
        return !Log.HasLoggedErrors;
    }

    private sealed class Metadata
    {
        private const int TypeRef = 1, TypeDef = 2, FieldPointer = 3, Field = 4, MethodPointer = 5, Method = 6, Parameter = 8;
        private readonly int[] _rowCounts = new int[64];
        private readonly int _names, _nameSize, _guidSize, _blobSize;
        private readonly int _types, _typeSize, _extendsSize, _fields, _fieldSize, _methods, _methodSize;

        public Metadata(byte[] bytes)
        {
            Bytes = bytes;
            int header = Int32(0x3C) + 24;                                              // the PE optional header
            int directories = header + (UInt16(header) == 0x20B ? 112 : 96);
            int root = FileOffset(Int32(FileOffset(Int32(directories + 14 * 8), header) + 8), header);
            int entry = root + 16 + Int32(root + 12), streams = UInt16(entry + 2), tables = 0;
            entry += 4;
            for (int i = 0; i < streams; i++)
            {
                string name = Text(entry + 8);
                if (name == "#~") tables = root + Int32(entry);
                if (name == "#Strings") _names = root + Int32(entry);
                entry += 8 + ((name.Length + 4) & ~3);
            }
            _nameSize = (bytes[tables + 6] & 1) != 0 ? 4 : 2;
            _guidSize = (bytes[tables + 6] & 2) != 0 ? 4 : 2;
            _blobSize = (bytes[tables + 6] & 4) != 0 ? 4 : 2;
            ulong present = BitConverter.ToUInt64(bytes, tables + 8);
            int position = tables + 24;
            for (int table = 0; table < 64; table++)
            {
                if ((present >> table & 1) == 0)
                    continue;
                _rowCounts[table] = Int32(position);
                position += 4;
            }
            if (tables == 0 || _names == 0 || _rowCounts[FieldPointer] + _rowCounts[MethodPointer] != 0)
                throw new InvalidDataException("The assembly's metadata is not in the optimised form (#~).");

            int scope = Coded(2, 0x00, 0x1A, 0x23, TypeRef);
            _extendsSize = Coded(2, TypeDef, TypeRef, 0x1B);
            _types = position + _rowCounts[0] * (2 + _nameSize + 3 * _guidSize) + _rowCounts[TypeRef] * (scope + 2 * _nameSize);
            _typeSize = 4 + 2 * _nameSize + _extendsSize + Index(Field) + Index(Method);
            _fields = _types + _rowCounts[TypeDef] * _typeSize;
            _fieldSize = 2 + _nameSize + _blobSize;
            _methods = _fields + _rowCounts[Field] * _fieldSize;
            _methodSize = 8 + _nameSize + _blobSize + Index(Parameter);
        }

        public byte[] Bytes { get; }

        /// <summary>Makes the names public and returns those that were found. Nested types are not covered: none is needed.</summary>
        public HashSet<string> Reveal(HashSet<string> names)
        {
            var found = new HashSet<string>();
            for (int row = 0; row < _rowCounts[TypeDef]; row++)
            {
                int type = _types + row * _typeSize;
                if ((Bytes[type] & 7) > 1)
                    continue;                                                           // nested
                string space = Name(type + 4 + _nameSize), full = (space.Length == 0 ? "" : space + ".") + Name(type + 4);
                if (names.Contains(full) && found.Add(full))
                    Bytes[type] = (byte)(Bytes[type] & ~7 | 1);
                int lists = 4 + 2 * _nameSize + _extendsSize;
                RevealMembers(full, row, lists, Field, _fields, _fieldSize, 2, 0, names, found);
                RevealMembers(full, row, lists + Index(Field), Method, _methods, _methodSize, 8, 6, names, found);
            }
            return found;
        }

        private void RevealMembers(string type, int row, int list, int table, int start, int size, int name, int flags, HashSet<string> names, HashSet<string> found)
        {
            int position = _types + row * _typeSize + list;
            int first = Number(position, Index(table)) - 1;
            int end = row + 1 < _rowCounts[TypeDef] ? Number(position + _typeSize, Index(table)) - 1 : _rowCounts[table];
            for (int member = first; member < end; member++)
            {
                int offset = start + member * size, access = Bytes[offset + flags] & 7;
                string full = type + "::" + Name(offset + name);
                if (!names.Contains(full))
                    continue;
                found.Add(full);
                if (access == 2 || access == 3)                                         // family-and-assembly, assembly; never private
                    Bytes[offset + flags] = (byte)(Bytes[offset + flags] & ~7 | 6);
            }
        }

        private int FileOffset(int address, int optionalHeader)
        {
            int section = optionalHeader + UInt16(optionalHeader - 4);
            for (int left = UInt16(optionalHeader - 18); left > 0; left--, section += 40)
            {
                int start = Int32(section + 12);
                if (address >= start && address < start + Math.Max(Int32(section + 8), Int32(section + 16)))
                    return address - start + Int32(section + 20);
            }
            throw new InvalidDataException("An address lies outside the assembly's sections.");
        }

        private int Coded(int tagBits, params int[] tables) { return tables.Max(table => _rowCounts[table]) >= 1 << (16 - tagBits) ? 4 : 2; }

        private int Index(int table) { return _rowCounts[table] > 0xFFFF ? 4 : 2; }

        private int UInt16(int offset) { return BitConverter.ToUInt16(Bytes, offset); }

        private int Int32(int offset) { return BitConverter.ToInt32(Bytes, offset); }

        private int Number(int offset, int size) { return size == 2 ? UInt16(offset) : Int32(offset); }

        private string Name(int offset) { return Text(_names + Number(offset, _nameSize)); }

        private string Text(int offset) { return Encoding.UTF8.GetString(Bytes, offset, Array.IndexOf(Bytes, (byte)0, offset) - offset); }
    }
}
