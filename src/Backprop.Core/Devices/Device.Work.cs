using Backprop.Memory;

namespace Backprop;

// What is no kernel, but is done by the device's threads.
public abstract partial class Device
{
    /// <summary>
    /// Does work in chunks, on the threads that wait for kernels where there are some. Between two kernels this also keeps them awake, which
    /// the same work on the calling thread alone would not.
    /// </summary>
    internal virtual void Share<TWork>(int chunks, ref TWork work)
        where TWork : struct, IChunkedWork
    {
        for (int chunk = 0; chunk < chunks; chunk++)
            work.Execute(chunk);
    }
}
