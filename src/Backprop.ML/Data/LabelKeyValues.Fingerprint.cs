using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Backprop.ML.Data;

/// <content>What tells the values of one column from those of another without keeping them.</content>
internal abstract partial class LabelKeyValues
{
    /// <summary>The bytes of a fingerprint.</summary>
    public const int FingerprintLength = SHA256.HashSizeInBytes;

    /// <summary>SHA-256 of the type and of the values in their order, in hexadecimal digits. It stands in files: what is hashed must never change.</summary>
    public string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, ItemType.ToString()!);
        foreach (string value in Texts())
            Append(hash, value);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>The values as text that is the same in every country and loses nothing.</summary>
    protected abstract IEnumerable<string> Texts();

    protected static string TextOf(object? value) => value switch
    {
        DateTime or DateTimeOffset => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "",
    };

    // With its length, so that "ab", "c" is not "a", "bc".
    private static void Append(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(BitConverter.GetBytes(bytes.Length));
        hash.AppendData(bytes);
    }
}
