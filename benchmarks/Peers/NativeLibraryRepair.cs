using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Backprop.Peers;

/// <summary>
/// Makes TorchSharp's native library load where the system's C++ library is older than GCC 13's, as on Debian 12. It asks
/// for the symbol version GLIBCXX_3.4.32 because of one function, std::ios_base_library_init, which initialises the
/// streams and need not be called: libtorch initialises them itself. In the copy beside this program the need for that
/// version is made weak, and the function's name becomes that of one that exists everywhere and does nothing (getpid).
/// </summary>
internal static class NativeLibraryRepair
{
    private const string MissingFunction = "_ZSt21ios_base_library_initv", Replacement = "getpid\0", MissingVersion = "GLIBCXX_3.4.32";
    private const ushort WeakFlag = 2, GlobalVersion = 1;
    private const int SymbolSize = 24;

    /// <summary>Changes the copy of the library if this system needs it and it has not been done before.</summary>
    public static void Apply()
    {
        if (NativeLibrary.TryLoad("libstdc++.so.6", out nint standardLibrary) && NativeLibrary.TryGetExport(standardLibrary, MissingFunction, out _))
            return;

        string path = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");
        byte[] image = File.ReadAllBytes(path);
        if (!Rename(image) || !Weaken(image))
            return;

        // A new file rather than new bytes in the old one, which may share its bytes with the package it came from.
        File.Delete(path);
        File.WriteAllBytes(path, image);
    }

    /// <summary>Gives the function's entry in the symbol table another name, and no version.</summary>
    private static bool Rename(byte[] image)
    {
        (int symbols, int size) = Section(image, ".dynsym");
        int strings = Section(image, ".dynstr").Offset, versions = Section(image, ".gnu.version").Offset;
        for (int i = 0; i < size / SymbolSize; i++)
        {
            int name = strings + Int32(image, symbols + i * SymbolSize);
            if (Text(image, name) != MissingFunction)
                continue;
            Encoding.ASCII.GetBytes(Replacement, image.AsSpan(name));
            BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(versions + i * sizeof(ushort)), GlobalVersion);
            return true;
        }

        return false;
    }

    /// <summary>Marks the version as one whose absence is no error. The list has an entry per library, each with a list of versions.</summary>
    private static bool Weaken(byte[] image)
    {
        int strings = Section(image, ".dynstr").Offset;
        bool found = false;
        int library = Section(image, ".gnu.version_r").Offset, nextLibrary;
        do
        {
            int version = library + Int32(image, library + 8);
            for (int count = UInt16(image, library + 2); count > 0; count--)
            {
                if (Text(image, strings + Int32(image, version + 8)) == MissingVersion)
                {
                    int flags = version + 4;
                    BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(flags), (ushort)(UInt16(image, flags) | WeakFlag));
                    found = true;
                }

                version += Int32(image, version + 12);
            }

            nextLibrary = Int32(image, library + 12);
            library += nextLibrary;
        }
        while (nextLibrary != 0);
        return found;
    }

    /// <summary>Where a section of a 64-bit ELF file stands.</summary>
    private static (int Offset, int Size) Section(byte[] image, string name)
    {
        int headers = Int32(image, 0x28), headerSize = UInt16(image, 0x3A), count = UInt16(image, 0x3C), namesIndex = UInt16(image, 0x3E);
        int names = Int32(image, headers + namesIndex * headerSize + 0x18);
        for (int i = 0; i < count; i++)
        {
            int header = headers + i * headerSize;
            if (Text(image, names + Int32(image, header)) == name)
                return (Int32(image, header + 0x18), Int32(image, header + 0x20));
        }

        throw new InvalidDataException($"The library has no section {name}.");
    }

    private static ushort UInt16(byte[] image, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(offset));

    // Offsets are 64 bits wide in the file, but the file is smaller than 2 GB.
    private static int Int32(byte[] image, int offset) => BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(offset));

    private static string Text(byte[] image, int offset) =>
        Encoding.ASCII.GetString(image, offset, Array.IndexOf(image, (byte)0, offset) - offset);
}
