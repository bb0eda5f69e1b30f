using Backprop.Devices.Gpu;
using ILGPU;

namespace Backprop.Tests;

/// <summary>
/// mma.m16n8k16 as NVIDIA documents it (PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point type"), lane by lane.
/// It knows the registers of all lanes and nothing of how they were filled, so a kernel that fills them wrongly, or takes
/// the sums for others than they are, gives a wrong product.
/// </summary>
internal struct EmulatedTensorCore<TFormat> : ITensorCore
    where TFormat : struct, IEmulatedFormat
{
    private const int Lanes = 32, SumsOfLane = 64;
    private ArrayView<float> _sums;

    public readonly int IsBFloat16 => default(TFormat).IsBFloat16;

    public void Start()
    {
        _sums = SharedMemory.Allocate<float>(256 * SumsOfLane);
        for (int i = 0; i < SumsOfLane; i++)
            _sums[Group.IdxX * SumsOfLane + i] = 0f;
    }

    public readonly void Multiply(ArrayView<Fragment> a, int atA, ArrayView<Fragment> b, int atB, int lane)
    {
        for (int rowTile = 0; rowTile < 4; rowTile++)
            for (int columnTile = 0; columnTile < 4; columnTile++)
                for (int register = 0; register < 4; register++)
                {
                    // c0, c1: row g; c2, c3: row g + 8. c0, c2: column 2t; c1, c3: column 2t + 1.
                    int row = lane / 4 + 8 * (register / 2), column = lane % 4 * 2 + register % 2;
                    float sum = 0f;
                    for (int k = 0; k < 16; k++)
                        sum += A(a, atA + rowTile * Lanes, row, k) * B(b, atB + columnTile / 2 * Lanes, columnTile % 2, k, column);
                    _sums[Group.IdxX * SumsOfLane + 4 * (4 * rowTile + columnTile) + register] += sum;
                }
    }

    public readonly void Finish<TSink>(TSink sink)
        where TSink : struct, ITensorCoreSink
    {
        for (int tile = 0; tile < 16; tile++)
        {
            int at = Group.IdxX * SumsOfLane + 4 * tile;
            sink.Store(tile / 4, tile % 4, new Float4(_sums[at], _sums[at + 1], _sums[at + 2], _sums[at + 3]));
        }
    }

    // a0, a1: row g, depths 2t and 2t + 1; a2, a3: row g + 8; a4, a5: row g, depths 2t + 8 and 2t + 9; a6, a7: row g + 8.
    // Registers hold pairs of them in this order; the kernels give X, Z, Y, W of a fragment.
    private static float A(ArrayView<Fragment> a, int at, int row, int k)
    {
        Fragment fragment = a[at + row % 8 * 4 + k % 8 / 2];
        int register = row / 8 + 2 * (k / 8);
        uint pair = register == 0 ? fragment.X : register == 1 ? fragment.Z : register == 2 ? fragment.Y : fragment.W;
        return Half(pair, k);
    }

    // b0, b1: depths 2t and 2t + 1, column g; b2, b3: depths 2t + 8 and 2t + 9. The kernels give X, Y of a fragment for the
    // first eight columns and Z, W for the other eight.
    private static float B(ArrayView<Fragment> b, int at, int half, int k, int column)
    {
        Fragment fragment = b[at + column * 4 + k % 8 / 2];
        uint pair = k / 8 == 0 ? (half == 0 ? fragment.X : fragment.Z) : half == 0 ? fragment.Y : fragment.W;
        return Half(pair, k);
    }

    private static float Half(uint pair, int k) => WordFormats.ToSingle(default(TFormat).IsBFloat16, k % 2 == 0 ? pair & 0xFFFFu : pair >> 16);
}

/// <summary>The words of an emulated tensor core.</summary>
internal interface IEmulatedFormat
{
    public int IsBFloat16 { get; }
}

internal readonly struct EmulatedBFloat16 : IEmulatedFormat
{
    public int IsBFloat16 => 1;
}

internal readonly struct EmulatedFloat16 : IEmulatedFormat
{
    public int IsBFloat16 => 0;
}
