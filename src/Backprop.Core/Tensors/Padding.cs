using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop;

/// <summary>
/// The zeros around the images of a convolution: so many pixels on every side, <c>padding: 1</c>, or above and below and on
/// the left and right, <c>padding: (1, 2)</c>, or as many as keep the size, <see cref="Same"/>. In JSON <c>1</c>,
/// <c>[1, 2]</c> and <c>"same"</c>.
/// </summary>
[JsonConverter(typeof(PaddingConverter))]
public readonly record struct Padding
{
    private Padding(Size2d size, bool isSame) => (Size, IsSame) = (size, isSame);

    /// <summary>
    /// As many zeros as make the output ⌈size/stride⌉ pixels, the input's own size at stride 1, whatever the kernel:
    /// max((⌈size/stride⌉ − 1)·stride + dilation·(kernel − 1) + 1 − size, 0) along each axis, half of them before the image
    /// and half behind it, the odd one behind. What Keras and, at stride 1, PyTorch mean by "same".
    /// </summary>
    public static Padding Same { get; } = new(0, isSame: true);

    /// <summary>The pixels above and below, and on the left and right; 0 for <see cref="Same"/>.</summary>
    public Size2d Size { get; }

    /// <summary>Whether this is <see cref="Same"/>.</summary>
    public bool IsSame { get; }

    /// <summary>The same on every side.</summary>
    public static implicit operator Padding(int size) => new(size, isSame: false);

    /// <summary>Above and below, and on the left and right.</summary>
    public static implicit operator Padding((int Height, int Width) size) => new(size, isSame: false);

    /// <inheritdoc cref="op_Implicit(ValueTuple{int, int})"/>
    public static implicit operator Padding(Size2d size) => new(size, isSame: false);

    /// <summary>The number of pixels, or "same".</summary>
    public override string ToString() => IsSame ? "same" : Size.Height == Size.Width ? Size.Height.ToString(CultureInfo.InvariantCulture) : Size.ToString();

    /// <summary>The padding of a signal as that of an image of height 1.</summary>
    /// <exception cref="ShapeException">Two different numbers.</exception>
    internal Padding OfSignal(string who) => IsSame ? Same
        : Size.Height == Size.Width ? (0, Size.Width)
        : throw new ShapeException($"{who}: the padding is {this}; a signal has one axis, so expected one number, or Padding.Same.");
}

internal sealed class PaddingConverter : JsonConverter<Padding>
{
    private const string SameWord = "same";

    private static readonly Size2dConverter Sizes = new();

    public override Padding Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            return Sizes.Read(ref reader, typeof(Size2d), options);
        return reader.ValueTextEquals(SameWord) ? Padding.Same : throw new JsonException($"A padding is one integer, an array of two, or \"{SameWord}\".");
    }

    public override void Write(Utf8JsonWriter writer, Padding value, JsonSerializerOptions options)
    {
        if (value.IsSame)
            writer.WriteStringValue(SameWord);
        else
            Sizes.Write(writer, value.Size, options);
    }
}
