namespace Backprop.Memory;

/// <summary>Work that consists of independent numbered chunks, which may run in any order and on any thread.</summary>
internal interface IChunkedWork
{
    /// <summary>Does chunk number <paramref name="chunk"/>.</summary>
    public void Execute(int chunk);
}
