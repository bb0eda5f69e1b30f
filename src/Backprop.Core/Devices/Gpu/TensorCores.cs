using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Backprop.Devices.Gpu;

/// <summary>NVIDIA's multiplier of BFloat16, from compute capability 8.0 on.</summary>
internal readonly struct BFloat16TensorCore : ITensorCore
{
    private const string Instruction = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
    private const int Lanes = TensorCoreLayout.Lanes;

    public int IsBFloat16 => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Start() => TensorCoreSums.Start();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply(ArrayView<Fragment> a, int atA, ArrayView<Fragment> b, int atB, int lane)
    {
        Fragment a0 = a[atA + lane], a1 = a[atA + Lanes + lane], a2 = a[atA + 2 * Lanes + lane], a3 = a[atA + 3 * Lanes + lane];
        Fragment b0 = b[atB + lane], b1 = b[atB + Lanes + lane];
        CudaAsm.Emit(Instruction + " {acc0, acc1, acc2, acc3}, {%0, %1, %2, %3}, {%4, %5}, {acc0, acc1, acc2, acc3};", a0.X, a0.Z, a0.Y, a0.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc4, acc5, acc6, acc7}, {%0, %1, %2, %3}, {%4, %5}, {acc4, acc5, acc6, acc7};", a0.X, a0.Z, a0.Y, a0.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc8, acc9, acc10, acc11}, {%0, %1, %2, %3}, {%4, %5}, {acc8, acc9, acc10, acc11};", a0.X, a0.Z, a0.Y, a0.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc12, acc13, acc14, acc15}, {%0, %1, %2, %3}, {%4, %5}, {acc12, acc13, acc14, acc15};", a0.X, a0.Z, a0.Y, a0.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc16, acc17, acc18, acc19}, {%0, %1, %2, %3}, {%4, %5}, {acc16, acc17, acc18, acc19};", a1.X, a1.Z, a1.Y, a1.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc20, acc21, acc22, acc23}, {%0, %1, %2, %3}, {%4, %5}, {acc20, acc21, acc22, acc23};", a1.X, a1.Z, a1.Y, a1.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc24, acc25, acc26, acc27}, {%0, %1, %2, %3}, {%4, %5}, {acc24, acc25, acc26, acc27};", a1.X, a1.Z, a1.Y, a1.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc28, acc29, acc30, acc31}, {%0, %1, %2, %3}, {%4, %5}, {acc28, acc29, acc30, acc31};", a1.X, a1.Z, a1.Y, a1.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc32, acc33, acc34, acc35}, {%0, %1, %2, %3}, {%4, %5}, {acc32, acc33, acc34, acc35};", a2.X, a2.Z, a2.Y, a2.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc36, acc37, acc38, acc39}, {%0, %1, %2, %3}, {%4, %5}, {acc36, acc37, acc38, acc39};", a2.X, a2.Z, a2.Y, a2.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc40, acc41, acc42, acc43}, {%0, %1, %2, %3}, {%4, %5}, {acc40, acc41, acc42, acc43};", a2.X, a2.Z, a2.Y, a2.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc44, acc45, acc46, acc47}, {%0, %1, %2, %3}, {%4, %5}, {acc44, acc45, acc46, acc47};", a2.X, a2.Z, a2.Y, a2.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc48, acc49, acc50, acc51}, {%0, %1, %2, %3}, {%4, %5}, {acc48, acc49, acc50, acc51};", a3.X, a3.Z, a3.Y, a3.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc52, acc53, acc54, acc55}, {%0, %1, %2, %3}, {%4, %5}, {acc52, acc53, acc54, acc55};", a3.X, a3.Z, a3.Y, a3.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc56, acc57, acc58, acc59}, {%0, %1, %2, %3}, {%4, %5}, {acc56, acc57, acc58, acc59};", a3.X, a3.Z, a3.Y, a3.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc60, acc61, acc62, acc63}, {%0, %1, %2, %3}, {%4, %5}, {acc60, acc61, acc62, acc63};", a3.X, a3.Z, a3.Y, a3.W, b1.Z, b1.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TSink>(TSink sink)
        where TSink : struct, ITensorCoreSink =>
        TensorCoreSums.Finish(sink);
}

/// <summary>NVIDIA's multiplier of Float16, from compute capability 8.0 on in this shape.</summary>
internal readonly struct Float16TensorCore : ITensorCore
{
    private const string Instruction = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32";
    private const int Lanes = TensorCoreLayout.Lanes;

    public int IsBFloat16 => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Start() => TensorCoreSums.Start();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Multiply(ArrayView<Fragment> a, int atA, ArrayView<Fragment> b, int atB, int lane)
    {
        Fragment a0 = a[atA + lane], a1 = a[atA + Lanes + lane], a2 = a[atA + 2 * Lanes + lane], a3 = a[atA + 3 * Lanes + lane];
        Fragment b0 = b[atB + lane], b1 = b[atB + Lanes + lane];
        CudaAsm.Emit(Instruction + " {acc0, acc1, acc2, acc3}, {%0, %1, %2, %3}, {%4, %5}, {acc0, acc1, acc2, acc3};", a0.X, a0.Z, a0.Y, a0.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc4, acc5, acc6, acc7}, {%0, %1, %2, %3}, {%4, %5}, {acc4, acc5, acc6, acc7};", a0.X, a0.Z, a0.Y, a0.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc8, acc9, acc10, acc11}, {%0, %1, %2, %3}, {%4, %5}, {acc8, acc9, acc10, acc11};", a0.X, a0.Z, a0.Y, a0.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc12, acc13, acc14, acc15}, {%0, %1, %2, %3}, {%4, %5}, {acc12, acc13, acc14, acc15};", a0.X, a0.Z, a0.Y, a0.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc16, acc17, acc18, acc19}, {%0, %1, %2, %3}, {%4, %5}, {acc16, acc17, acc18, acc19};", a1.X, a1.Z, a1.Y, a1.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc20, acc21, acc22, acc23}, {%0, %1, %2, %3}, {%4, %5}, {acc20, acc21, acc22, acc23};", a1.X, a1.Z, a1.Y, a1.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc24, acc25, acc26, acc27}, {%0, %1, %2, %3}, {%4, %5}, {acc24, acc25, acc26, acc27};", a1.X, a1.Z, a1.Y, a1.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc28, acc29, acc30, acc31}, {%0, %1, %2, %3}, {%4, %5}, {acc28, acc29, acc30, acc31};", a1.X, a1.Z, a1.Y, a1.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc32, acc33, acc34, acc35}, {%0, %1, %2, %3}, {%4, %5}, {acc32, acc33, acc34, acc35};", a2.X, a2.Z, a2.Y, a2.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc36, acc37, acc38, acc39}, {%0, %1, %2, %3}, {%4, %5}, {acc36, acc37, acc38, acc39};", a2.X, a2.Z, a2.Y, a2.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc40, acc41, acc42, acc43}, {%0, %1, %2, %3}, {%4, %5}, {acc40, acc41, acc42, acc43};", a2.X, a2.Z, a2.Y, a2.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc44, acc45, acc46, acc47}, {%0, %1, %2, %3}, {%4, %5}, {acc44, acc45, acc46, acc47};", a2.X, a2.Z, a2.Y, a2.W, b1.Z, b1.W);
        CudaAsm.Emit(Instruction + " {acc48, acc49, acc50, acc51}, {%0, %1, %2, %3}, {%4, %5}, {acc48, acc49, acc50, acc51};", a3.X, a3.Z, a3.Y, a3.W, b0.X, b0.Y);
        CudaAsm.Emit(Instruction + " {acc52, acc53, acc54, acc55}, {%0, %1, %2, %3}, {%4, %5}, {acc52, acc53, acc54, acc55};", a3.X, a3.Z, a3.Y, a3.W, b0.Z, b0.W);
        CudaAsm.Emit(Instruction + " {acc56, acc57, acc58, acc59}, {%0, %1, %2, %3}, {%4, %5}, {acc56, acc57, acc58, acc59};", a3.X, a3.Z, a3.Y, a3.W, b1.X, b1.Y);
        CudaAsm.Emit(Instruction + " {acc60, acc61, acc62, acc63}, {%0, %1, %2, %3}, {%4, %5}, {acc60, acc61, acc62, acc63};", a3.X, a3.Z, a3.Y, a3.W, b1.Z, b1.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TSink>(TSink sink)
        where TSink : struct, ITensorCoreSink =>
        TensorCoreSums.Finish(sink);
}

/// <summary>
/// The 64 sums of a lane, acc0 to acc63: registers of the assembly itself, which its statements name. ILGPU knows nothing of
/// them; sums that it passed to the statements would go through memory.
/// </summary>
internal static class TensorCoreSums
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Start()
    {
        CudaAsm.Emit(".reg .f32 acc<64>;");
        CudaAsm.Emit("mov.f32 acc0, 0f00000000; mov.f32 acc1, 0f00000000; mov.f32 acc2, 0f00000000; mov.f32 acc3, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc4, 0f00000000; mov.f32 acc5, 0f00000000; mov.f32 acc6, 0f00000000; mov.f32 acc7, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc8, 0f00000000; mov.f32 acc9, 0f00000000; mov.f32 acc10, 0f00000000; mov.f32 acc11, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc12, 0f00000000; mov.f32 acc13, 0f00000000; mov.f32 acc14, 0f00000000; mov.f32 acc15, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc16, 0f00000000; mov.f32 acc17, 0f00000000; mov.f32 acc18, 0f00000000; mov.f32 acc19, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc20, 0f00000000; mov.f32 acc21, 0f00000000; mov.f32 acc22, 0f00000000; mov.f32 acc23, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc24, 0f00000000; mov.f32 acc25, 0f00000000; mov.f32 acc26, 0f00000000; mov.f32 acc27, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc28, 0f00000000; mov.f32 acc29, 0f00000000; mov.f32 acc30, 0f00000000; mov.f32 acc31, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc32, 0f00000000; mov.f32 acc33, 0f00000000; mov.f32 acc34, 0f00000000; mov.f32 acc35, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc36, 0f00000000; mov.f32 acc37, 0f00000000; mov.f32 acc38, 0f00000000; mov.f32 acc39, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc40, 0f00000000; mov.f32 acc41, 0f00000000; mov.f32 acc42, 0f00000000; mov.f32 acc43, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc44, 0f00000000; mov.f32 acc45, 0f00000000; mov.f32 acc46, 0f00000000; mov.f32 acc47, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc48, 0f00000000; mov.f32 acc49, 0f00000000; mov.f32 acc50, 0f00000000; mov.f32 acc51, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc52, 0f00000000; mov.f32 acc53, 0f00000000; mov.f32 acc54, 0f00000000; mov.f32 acc55, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc56, 0f00000000; mov.f32 acc57, 0f00000000; mov.f32 acc58, 0f00000000; mov.f32 acc59, 0f00000000;");
        CudaAsm.Emit("mov.f32 acc60, 0f00000000; mov.f32 acc61, 0f00000000; mov.f32 acc62, 0f00000000; mov.f32 acc63, 0f00000000;");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<TSink>(TSink sink)
        where TSink : struct, ITensorCoreSink
    {
        float x, y, z, w;
        CudaAsm.Emit("mov.f32 %0, acc0;", out x);
        CudaAsm.Emit("mov.f32 %0, acc1;", out y);
        CudaAsm.Emit("mov.f32 %0, acc2;", out z);
        CudaAsm.Emit("mov.f32 %0, acc3;", out w);
        sink.Store(0, 0, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc4;", out x);
        CudaAsm.Emit("mov.f32 %0, acc5;", out y);
        CudaAsm.Emit("mov.f32 %0, acc6;", out z);
        CudaAsm.Emit("mov.f32 %0, acc7;", out w);
        sink.Store(0, 1, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc8;", out x);
        CudaAsm.Emit("mov.f32 %0, acc9;", out y);
        CudaAsm.Emit("mov.f32 %0, acc10;", out z);
        CudaAsm.Emit("mov.f32 %0, acc11;", out w);
        sink.Store(0, 2, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc12;", out x);
        CudaAsm.Emit("mov.f32 %0, acc13;", out y);
        CudaAsm.Emit("mov.f32 %0, acc14;", out z);
        CudaAsm.Emit("mov.f32 %0, acc15;", out w);
        sink.Store(0, 3, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc16;", out x);
        CudaAsm.Emit("mov.f32 %0, acc17;", out y);
        CudaAsm.Emit("mov.f32 %0, acc18;", out z);
        CudaAsm.Emit("mov.f32 %0, acc19;", out w);
        sink.Store(1, 0, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc20;", out x);
        CudaAsm.Emit("mov.f32 %0, acc21;", out y);
        CudaAsm.Emit("mov.f32 %0, acc22;", out z);
        CudaAsm.Emit("mov.f32 %0, acc23;", out w);
        sink.Store(1, 1, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc24;", out x);
        CudaAsm.Emit("mov.f32 %0, acc25;", out y);
        CudaAsm.Emit("mov.f32 %0, acc26;", out z);
        CudaAsm.Emit("mov.f32 %0, acc27;", out w);
        sink.Store(1, 2, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc28;", out x);
        CudaAsm.Emit("mov.f32 %0, acc29;", out y);
        CudaAsm.Emit("mov.f32 %0, acc30;", out z);
        CudaAsm.Emit("mov.f32 %0, acc31;", out w);
        sink.Store(1, 3, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc32;", out x);
        CudaAsm.Emit("mov.f32 %0, acc33;", out y);
        CudaAsm.Emit("mov.f32 %0, acc34;", out z);
        CudaAsm.Emit("mov.f32 %0, acc35;", out w);
        sink.Store(2, 0, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc36;", out x);
        CudaAsm.Emit("mov.f32 %0, acc37;", out y);
        CudaAsm.Emit("mov.f32 %0, acc38;", out z);
        CudaAsm.Emit("mov.f32 %0, acc39;", out w);
        sink.Store(2, 1, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc40;", out x);
        CudaAsm.Emit("mov.f32 %0, acc41;", out y);
        CudaAsm.Emit("mov.f32 %0, acc42;", out z);
        CudaAsm.Emit("mov.f32 %0, acc43;", out w);
        sink.Store(2, 2, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc44;", out x);
        CudaAsm.Emit("mov.f32 %0, acc45;", out y);
        CudaAsm.Emit("mov.f32 %0, acc46;", out z);
        CudaAsm.Emit("mov.f32 %0, acc47;", out w);
        sink.Store(2, 3, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc48;", out x);
        CudaAsm.Emit("mov.f32 %0, acc49;", out y);
        CudaAsm.Emit("mov.f32 %0, acc50;", out z);
        CudaAsm.Emit("mov.f32 %0, acc51;", out w);
        sink.Store(3, 0, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc52;", out x);
        CudaAsm.Emit("mov.f32 %0, acc53;", out y);
        CudaAsm.Emit("mov.f32 %0, acc54;", out z);
        CudaAsm.Emit("mov.f32 %0, acc55;", out w);
        sink.Store(3, 1, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc56;", out x);
        CudaAsm.Emit("mov.f32 %0, acc57;", out y);
        CudaAsm.Emit("mov.f32 %0, acc58;", out z);
        CudaAsm.Emit("mov.f32 %0, acc59;", out w);
        sink.Store(3, 2, new Float4(x, y, z, w));
        CudaAsm.Emit("mov.f32 %0, acc60;", out x);
        CudaAsm.Emit("mov.f32 %0, acc61;", out y);
        CudaAsm.Emit("mov.f32 %0, acc62;", out z);
        CudaAsm.Emit("mov.f32 %0, acc63;", out w);
        sink.Store(3, 3, new Float4(x, y, z, w));
    }
}
