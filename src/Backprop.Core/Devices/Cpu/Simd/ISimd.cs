namespace Backprop.Devices.Cpu;

/// <summary>
/// A register of <see cref="Width"/> floats. A kernel is written once, as <c>static void Kernel&lt;TSimd&gt;(...)</c>; for
/// every struct that implements this interface the JIT compiles its own copy, in which each member below is one or two
/// machine instructions and the struct itself disappears.
/// </summary>
/// <remarks>
/// SIMD in three sentences. A register holds several numbers, its lanes, and an instruction works on all of them at once.
/// There are no branches per lane: both sides are computed and <see cref="Select"/> picks, lane by lane, by a mask whose
/// lanes are all ones (true) or all zeros (false). What remains at the end of an array, fewer elements than lanes, is
/// read and written with <see cref="Load(float*, int)"/> and <see cref="Store(TSelf, float*, int)"/>, which touch no memory
/// beyond it.
/// The element-wise members round exactly alike in every implementation, so that an element-wise kernel gives the same
/// bits at any width; only the horizontal sums depend on it.
/// </remarks>
internal unsafe interface ISimd<TSelf>
    where TSelf : unmanaged, ISimd<TSelf>
{
    /// <summary>The number of lanes.</summary>
    public static abstract int Width { get; }

    public static abstract TSelf Zero { get; }

    /// <summary>The value in every lane.</summary>
    public static abstract TSelf Create(float value);

    /// <summary>Reads Width floats; no alignment is needed.</summary>
    public static abstract TSelf Load(float* source);

    /// <summary>Reads the first <paramref name="count"/> ≤ Width floats and nothing beyond; the other lanes are 0.</summary>
    public static abstract TSelf Load(float* source, int count);

    public static abstract void Store(TSelf value, float* destination);

    /// <summary>
    /// Writes past the caches, so that the memory's old content is not read first. The destination is aligned to the
    /// register, and other threads may look only after <see cref="StreamFence"/>.
    /// </summary>
    public static abstract void StoreStreamed(TSelf value, float* destination);

    /// <summary>Makes what was written past the caches visible before whatever is written next.</summary>
    public static abstract void StreamFence();

    /// <summary>Writes the first <paramref name="count"/> ≤ Width lanes and nothing beyond.</summary>
    public static abstract void Store(TSelf value, float* destination, int count);

    /// <summary>Reads Width bytes as numbers from 0 to 255.</summary>
    public static abstract TSelf LoadBytes(byte* source);

    /// <summary>Writes Width lanes that are whole numbers from 0 to 255 as bytes.</summary>
    public static abstract void StoreBytes(TSelf value, byte* destination);

    /// <summary>Reads Width 16-bit words into the lower halves of the lanes' bits.</summary>
    public static abstract TSelf LoadWords(ushort* source);

    /// <summary>Writes the lower halves of the lanes' bits, whose upper halves are 0, as 16-bit words.</summary>
    public static abstract void StoreWords(TSelf value, ushort* destination);

    /// <summary>The sum of the lanes' bits as whole numbers.</summary>
    public static abstract TSelf AddBits(TSelf a, TSelf b);

    /// <summary>The lanes' bits moved up.</summary>
    public static abstract TSelf ShiftLeft(TSelf a, int count);

    /// <summary>The lanes' bits moved down; zeros follow.</summary>
    public static abstract TSelf ShiftRight(TSelf a, int count);

    /// <summary>Mask of the first <paramref name="count"/> lanes.</summary>
    public static abstract TSelf FirstLanes(int count);

    public static abstract TSelf operator +(TSelf a, TSelf b);

    public static abstract TSelf operator -(TSelf a, TSelf b);

    public static abstract TSelf operator *(TSelf a, TSelf b);

    public static abstract TSelf operator /(TSelf a, TSelf b);

    public static abstract TSelf operator -(TSelf a);

    public static abstract TSelf operator &(TSelf a, TSelf b);

    public static abstract TSelf operator |(TSelf a, TSelf b);

    public static abstract TSelf operator ^(TSelf a, TSelf b);

    /// <summary>a·b + c rounded once, where the hardware can (everything since 2013); else rounded twice.</summary>
    public static abstract TSelf Fma(TSelf a, TSelf b, TSelf c);

    /// <summary>
    /// sum ← a·b + sum, as <see cref="Fma"/>. In long loops over many sums: the JIT then keeps each sum in the register it is in,
    /// where it would otherwise compute next to it and move.
    /// </summary>
    public static abstract void MultiplyAdd(ref TSelf sum, TSelf a, TSelf b);

    /// <summary>The same with one number for all lanes, which the multiplication reads from memory itself where the hardware can.</summary>
    public static abstract void MultiplyAdd(ref TSelf sum, TSelf a, float* b);

    /// <summary>The smaller one; <paramref name="b"/> where either is NaN, so write the constant first.</summary>
    public static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>The larger one; <paramref name="b"/> where either is NaN, so write the constant first.</summary>
    public static abstract TSelf Max(TSelf a, TSelf b);

    public static abstract TSelf Sqrt(TSelf a);

    public static abstract TSelf Abs(TSelf a);

    /// <summary>The magnitude of the first with the sign of the second.</summary>
    public static abstract TSelf CopySign(TSelf magnitude, TSelf sign);

    /// <summary>Mask of the lanes where a &lt; b; false for NaN, as are the other comparisons.</summary>
    public static abstract TSelf LessThan(TSelf a, TSelf b);

    public static abstract TSelf LessThanOrEqual(TSelf a, TSelf b);

    public static abstract TSelf Equal(TSelf a, TSelf b);

    /// <summary>mask ? a : b, lane by lane. The mask's lanes are all ones or all zeros.</summary>
    public static abstract TSelf Select(TSelf mask, TSelf a, TSelf b);

    /// <summary>The nearest integer, ties to even.</summary>
    public static abstract TSelf Round(TSelf a);

    /// <summary>a·2ⁿ with one rounding, denormal results included, for integral n from −190 to 190.</summary>
    public static abstract TSelf ScaleByPowerOfTwo(TSelf a, TSelf n);

    /// <summary>Splits a positive normal number into mantissa·2^exponent, the mantissa between √½ and √2.</summary>
    public static abstract TSelf SplitExponent(TSelf a, out TSelf exponent);

    /// <summary>The sum of the lanes, always in the same order: halves are added until one lane is left.</summary>
    public static abstract float Sum(TSelf a);

    /// <summary>Whether a lane is NaN.</summary>
    public static abstract bool HasNaN(TSelf a);

    /// <summary>The largest lane; NaN is ignored or returned.</summary>
    public static abstract float Max(TSelf a);
}
