using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Brings what the host has to a CUDA device while the device computes: the host copies it into page-locked memory and goes on;
/// the copy engine takes it from there on a stream of its own; the compute stream waits for that on the device, not on the host.
/// There are two places of each kind, so one can be filled while the other is read.
/// </summary>
internal sealed unsafe class CudaUploads : IDisposable
{
    private const int Places = 2;
    private const long SmallestPlace = 1 << 16;
    private readonly CudaStream _compute;
    private readonly CudaStream _copies;
    private readonly delegate* unmanaged<nint, nint, uint, int> _streamWaitEvent;
    private readonly Place[] _places = new Place[Places];
    private readonly object _gate = new();
    private int _next;

    private CudaUploads(Accelerator accelerator, CudaStream compute, nint streamWaitEvent)
    {
        _compute = compute;
        _copies = (CudaStream)accelerator.CreateStream();
        _streamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)streamWaitEvent;
        for (int i = 0; i < Places; i++)
        {
            Check(CudaAPI.CurrentAPI.CreateEvent(out _places[i].Arrived, CudaEventFlags.CU_EVENT_DISABLE_TIMING));
            Check(CudaAPI.CurrentAPI.CreateEvent(out _places[i].Taken, CudaEventFlags.CU_EVENT_DISABLE_TIMING));
        }
    }

    /// <summary>For a CUDA accelerator; null for others, whose uploads wait.</summary>
    public static CudaUploads? Create(Accelerator accelerator, AcceleratorStream compute)
    {
        // ILGPU does not import this one function of the driver.
        return accelerator is CudaAccelerator && compute is CudaStream stream
            && NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda" : "cuda", typeof(Accelerator).Assembly, null, out nint library)
            && NativeLibrary.TryGetExport(library, "cuStreamWaitEvent", out nint function)
            ? new CudaUploads(accelerator, stream, function)
            : null;
    }

    /// <summary>Copies bytes to the device, before everything that is launched afterwards. The source may be changed at once.</summary>
    /// <returns>Whether there was memory for it, on the host and the device; else the caller must wait for a copy of its own.</returns>
    public bool TryUpload(void* source, nint destination, long bytes)
    {
        lock (_gate)
        {
            ref Place place = ref _places[_next];
            _next = (_next + 1) % Places;
            CudaAPI driver = CudaAPI.CurrentAPI;
            if (place.Bytes > 0)
                Check(driver.SynchronizeEvent(place.Taken)); // two uploads ago: long past, unless the host is far ahead
            if (place.Bytes < bytes && !TryGrow(ref place, bytes))
                return false;
            Buffer.MemoryCopy(source, (void*)place.Host, place.Bytes, bytes);
            Check(driver.MemcpyAsync(place.Device, place.Host, (nint)bytes, _copies));
            Check(driver.RecordEvent(place.Arrived, _copies.StreamPtr));
            Check((CudaError)_streamWaitEvent(_compute.StreamPtr, place.Arrived, 0));

            // Not straight into the destination: kernels that are still to run may use that block.
            Check(driver.MemcpyAsync(destination, place.Device, (nint)bytes, _compute));
            Check(driver.RecordEvent(place.Taken, _compute.StreamPtr));
            return true;
        }
    }

    /// <summary>Frees the places, once nothing is read from them any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _copies.Synchronize();
            _compute.Synchronize();
            foreach (ref Place place in _places.AsSpan())
            {
                Free(ref place);
                CudaAPI.CurrentAPI.DestroyEvent(place.Arrived);
                CudaAPI.CurrentAPI.DestroyEvent(place.Taken);
            }

            _copies.Dispose();
        }
    }

    private static void Free(ref Place place)
    {
        if (place.Bytes == 0)
            return;
        place.Bytes = 0;
        Check(CudaAPI.CurrentAPI.FreeHostMemory(place.Host));
        Check(CudaAPI.CurrentAPI.FreeMemory(place.Device));
    }

    private static bool TryGrow(ref Place place, long bytes)
    {
        CudaAPI driver = CudaAPI.CurrentAPI;
        Free(ref place);
        long size = Math.Max(bytes + bytes / 4, SmallestPlace);
        if (!IsThere(driver.AllocateHostMemory(out place.Host, (nint)size)))
            return false;
        if (!IsThere(driver.AllocateMemory(out place.Device, (nint)size)))
        {
            Check(driver.FreeHostMemory(place.Host));
            return false;
        }

        place.Bytes = size;
        return true;
    }

    private static bool IsThere(CudaError error)
    {
        if (error == CudaError.CUDA_ERROR_OUT_OF_MEMORY)
            return false;
        Check(error);
        return true;
    }

    private static void Check(CudaError error) => CudaException.ThrowIfFailed(error);

    private struct Place
    {
        public nint Host, Device, Arrived, Taken;
        public long Bytes;
    }
}
