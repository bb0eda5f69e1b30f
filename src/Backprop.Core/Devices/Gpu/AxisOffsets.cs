using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>Where the elements of some axes of a tensor stand: what <see cref="BroadcastLayout"/> says, in the form that kernels can read.</summary>
internal struct AxisOffsets
{
    private int _rank;
    private int _length0, _length1, _length2, _length3, _length4, _length5, _length6;
    private int _stride0, _stride1, _stride2, _stride3, _stride4, _stride5, _stride6, _stride7;

    /// <summary>Adds the next axis outwards.</summary>
    public void AddOuter(int length, int stride)
    {
        switch (_rank++)
        {
            case 0: (_length0, _stride0) = (length, stride); break;
            case 1: (_length1, _stride1) = (length, stride); break;
            case 2: (_length2, _stride2) = (length, stride); break;
            case 3: (_length3, _stride3) = (length, stride); break;
            case 4: (_length4, _stride4) = (length, stride); break;
            case 5: (_length5, _stride5) = (length, stride); break;
            case 6: (_length6, _stride6) = (length, stride); break;
            default: _stride7 = stride; break; // nothing lies outside it
        }
    }

    /// <summary>The offset of element i, counted in row order. The rank is the same for all threads, and small as a rule.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Of(int i)
    {
        if (_rank <= 1)
            return i * _stride0;
        int outer = i / _length0, offset = (i - outer * _length0) * _stride0;
        if (_rank == 2)
            return offset + outer * _stride1;
        int next = outer / _length1;
        offset += (outer - next * _length1) * _stride1;
        if (_rank == 3)
            return offset + next * _stride2;
        outer = next / _length2;
        offset += (next - outer * _length2) * _stride2;
        if (_rank == 4)
            return offset + outer * _stride3;
        next = outer / _length3;
        offset += (outer - next * _length3) * _stride3;
        if (_rank == 5)
            return offset + next * _stride4;
        outer = next / _length4;
        offset += (next - outer * _length4) * _stride4;
        if (_rank == 6)
            return offset + outer * _stride5;
        next = outer / _length5;
        offset += (outer - next * _length5) * _stride5;
        if (_rank == 7)
            return offset + next * _stride6;
        outer = next / _length6;
        return offset + (next - outer * _length6) * _stride6 + outer * _stride7;
    }
}
