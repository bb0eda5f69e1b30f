using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>How max pooling keeps the winning places of its outputs.</summary>
internal unsafe interface IPoolingPlaces
{
    /// <summary>The places of some neighbouring outputs, as numbers.</summary>
    public TSimd Load<TSimd, TLanes>(nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes;

    public void Store<TSimd, TLanes>(TSimd places, nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes;
}

/// <summary>One byte each: a quarter of the memory that an index into the image would take.</summary>
internal readonly unsafe struct BytePlaces(byte* places) : IPoolingPlaces
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Load<TSimd, TLanes>(nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.LoadBytes<TSimd>(places + output, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TSimd, TLanes>(TSimd value, nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.StoreBytes(value, places + output, count);
}

/// <summary>One number each, for large windows.</summary>
internal readonly unsafe struct WidePlaces(float* places) : IPoolingPlaces
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Load<TSimd, TLanes>(nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.Load<TSimd>(places + output, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TSimd, TLanes>(TSimd value, nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.Store(value, places + output, count);
}

/// <summary>Nobody asks for them: what computes them falls away.</summary>
internal readonly unsafe struct NoPlaces : IPoolingPlaces
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TSimd Load<TSimd, TLanes>(nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TSimd.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TSimd, TLanes>(TSimd value, nint output, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes
    {
    }
}
