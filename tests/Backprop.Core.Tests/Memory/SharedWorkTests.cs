using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Work that a device's threads share: every chunk once, none if there are none, and what fails reaches the caller.</summary>
public class SharedWorkTests
{
    public static TheoryData<int> ThreadCounts => [0, 1, 2, 8];

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void EveryChunkIsDoneOnce(int threads)
    {
        Device device = Create(threads);
        foreach (int chunks in (int[])[0, 1, 2, 7, 64, 1000])
        {
            var work = new Counting(chunks);
            device.Share(chunks, ref work);
            Assert.All(work.Counts, count => Assert.Equal(1, count));
        }

        (device as CpuDevice)?.Workers.Dispose();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void AFailureReachesTheCaller(int threads)
    {
        Device device = Create(threads);
        var work = new Failing();
        Assert.Throws<InvalidDataException>(() => device.Share(20, ref work));
        (device as CpuDevice)?.Workers.Dispose();
    }

    private static Device Create(int threads) => threads == 0 ? ReferenceDevice.Instance : new CpuDevice(InstructionSetDetection.Best, threads);

    private readonly struct Counting(int chunks) : IChunkedWork
    {
        public int[] Counts { get; } = new int[chunks];

        public void Execute(int chunk) => Interlocked.Increment(ref Counts[chunk]);
    }

    private readonly struct Failing : IChunkedWork
    {
        public void Execute(int chunk)
        {
            if (chunk == 11)
                throw new InvalidDataException();
        }
    }
}
