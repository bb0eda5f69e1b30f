using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// A GPU: kernels that ILGPU compiles from C#. One file per kernel family, with the kernels beside the members that launch
/// them; this one is the memory. All work of a device goes to one stream, in order.
/// </summary>
/// <remarks>
/// A kernel is a static method with <see cref="GpuKernelAttribute"/>. Its plain form walks over elements or rows with
/// <see cref="GridStride"/> and has no barriers, so it also runs where the processor plays the GPU. A tuned form, with
/// shared memory and warps, is launched only where <see cref="UsesTunedKernels"/>.
/// </remarks>
internal sealed partial class GpuDevice : Device, IDisposable
{
    private const long SmallestLimit = 1 << 20;
    private readonly GpuAccelerator _gpu;
    private readonly AcceleratorStream _stream;
    private readonly GpuBufferPool _buffers;
    private readonly CudaUploads? _uploads;

    /// <summary>A device with a stream and a pool of its own on an accelerator that others may use too.</summary>
    /// <param name="gpu">The accelerator.</param>
    /// <param name="usesTunedKernels">Whether kernels with barriers and shared memory are used; default: on real devices.</param>
    public GpuDevice(GpuAccelerator gpu, bool? usesTunedKernels = null)
        : base(gpu.IsSimulated ? "GPU (simulated by the processor)" : $"GPU ({gpu.Accelerator.Name})")
    {
        _gpu = gpu;
        _stream = gpu.Accelerator.CreateStream();
        _buffers = gpu.CreatePool();
        _uploads = CudaUploads.Create(gpu.Accelerator, _stream);
        UsesTunedKernels = usesTunedKernels ?? gpu.RunsTunedKernels;
        UsesTeams = UsesTunedKernels && gpu.RunsTeams;
    }

    /// <summary>Whether kernels with barriers and shared memory are used.</summary>
    public bool UsesTunedKernels { get; }

    /// <summary>Whether those are used too whose warps and groups are <see cref="IThreadTeam"/>s.</summary>
    public bool UsesTeams { get; }

    /// <summary>Whether the accelerator failed and nothing can be computed here any more.</summary>
    public bool IsGivenUp => _gpu.IsGivenUp;

    /// <inheritdoc/>
    public override MemoryStatistics Memory => _buffers.Statistics;

    /// <inheritdoc/>
    public override long MemoryLimit
    {
        get => _buffers.ByteLimit;
        set => _buffers.ByteLimit = value >= SmallestLimit
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"The memory limit is {value} bytes; expected at least {SmallestLimit}.");
    }

    /// <inheritdoc/>
    public override void ReleaseIdleMemory() => _buffers.Trim();

    /// <summary>Gives the stream, and all memory that nobody holds, back to the device; the rest follows when it is let go.</summary>
    /// <remarks>Of a lost device nothing can be given back; its failure was told before, and nothing is thrown here that would hide it.</remarks>
    public void Dispose()
    {
        try
        {
            _gpu.Accelerator.Bind();
            _buffers.Close();
            _uploads?.Dispose();
            _stream.Dispose();
        }
        catch (AcceleratorException exception)
        {
            _gpu.Explain(exception);
            GC.SuppressFinalize(_stream);
        }
    }

    internal override int MaximumPredictionRows => 4096; // enough rows for all multiprocessors

    internal override DeviceException? Explain(Exception exception) => _gpu.Explain(exception);

    internal override MemoryBlock Rent(int length, ElementType elementType) =>
        _buffers.Rent(elementType is ElementType.BFloat16 or ElementType.Float16 ? length / 2 + length % 2 : length);

    internal override void Return(MemoryBlock block) => _buffers.Return((GpuBlock)block);

    internal override void Upload(ReadOnlySpan<float> source, MemoryBlock destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, destination.Capacity, nameof(source));
        CopyFrom(source, Floats(destination));
    }

    internal override void Upload(ReadOnlySpan<int> source, MemoryBlock destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, destination.Capacity, nameof(source));
        CopyFrom(source, Integers(destination));
    }

    internal override unsafe void Download(MemoryBlock source, Span<float> destination, int start = 0)
    {
        if (destination.Length == 0)
            return;
        if (destination.Length == 1 && start == 0 && IsAnticipated(MeasurementKind.FirstElement, source, 1, out double known))
        {
            destination[0] = (float)known;
            return;
        }

        _gpu.Accelerator.Bind();
        CountSynchronization();
        ArrayView<float> values = Floats(source).SubView(start, destination.Length);
        fixed (float* pinned = destination)
            values.CopyToCPU(_stream, ref *pinned, destination.Length);
    }

    // ILGPU keeps the address of what it is given and does not pin it.
    private unsafe void CopyFrom<T>(ReadOnlySpan<T> source, ArrayView<T> destination)
        where T : unmanaged
    {
        if (source.Length == 0)
            return;
        _gpu.Accelerator.Bind();
        ArrayView<T> part = destination.SubView(0, source.Length);
        fixed (T* pinned = source)
        {
            if (_uploads?.TryUpload(pinned, part.LoadEffectiveAddressAsPtr(), (long)source.Length * sizeof(T)) != true)
                part.CopyFromCPU(_stream, ref *pinned, source.Length);
        }
    }

    private static ArrayView<float> Floats(MemoryBlock block) => ((GpuBlock)block).Floats;

    private static ArrayView<int> Integers(MemoryBlock block) => ((GpuBlock)block).Integers;

    private static ArrayView<ushort> Words(MemoryBlock block) => ((GpuBlock)block).Words;

    /// <summary>The floats of a block that may be absent: then those of another one, which the kernel is told not to touch.</summary>
    private static ArrayView<float> FloatsOr(MemoryBlock? block, MemoryBlock other) => ((GpuBlock)(block ?? other)).Floats;

    private static int Flag(bool value) => value ? 1 : 0; // a kernel takes no bool

    /// <summary>The launcher of a kernel: compiled at its first use, then kept.</summary>
    private TLauncher Kernel<TLauncher>(ref TLauncher? slot, Delegate kernel)
        where TLauncher : Delegate
    {
        _gpu.Accelerator.Bind(); // predictions come from any thread
        return slot ??= _gpu.Load<TLauncher>(kernel);
    }

    /// <summary>A grid for a kernel whose threads share out <paramref name="count"/> elements or rows by <see cref="GridStride"/>.</summary>
    private KernelConfig GridFor(int count)
    {
        int groupSize = _gpu.GroupSize;
        long groups = ((long)count + groupSize - 1) / groupSize;
        return new KernelConfig((int)Math.Clamp(groups, 1, _gpu.MaximumGroups), groupSize);
    }
}
