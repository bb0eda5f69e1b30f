using Backprop.Devices;

namespace Backprop;

/// <content>Numbers for the host, of which every one would make it wait for a device that works beside it.</content>
public abstract partial class Device
{
    /// <summary>Whether <see cref="Anticipate"/> saves time here.</summary>
    internal virtual bool Anticipates => false;

    /// <summary>
    /// Fetches numbers with one wait for the device. The kernels and the download that give them answer at once then, until
    /// <see cref="ForgetAnticipated"/>; until then nobody may change the blocks.
    /// </summary>
    internal virtual void Anticipate(ReadOnlySpan<Measurement> measurements)
    {
    }

    /// <summary>Ends what <see cref="Anticipate"/> began.</summary>
    internal virtual void ForgetAnticipated()
    {
    }
}
