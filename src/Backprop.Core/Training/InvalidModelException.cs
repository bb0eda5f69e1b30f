namespace Backprop;

/// <summary>A model file is not one, is cut short, was altered, or comes from a newer version. The one exception of reading.</summary>
public sealed class InvalidModelException : FormatException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">What was expected and what was found.</param>
    /// <param name="offset">Where in the model's bytes.</param>
    /// <param name="innerException">The cause, if another exception was one.</param>
    public InvalidModelException(string reason, long offset, Exception? innerException = null)
        : base(FormattableString.Invariant($"This is no valid Backprop model: {reason} (at byte {offset}). Save the model again, or update the package if the file is newer than it."), innerException)
    {
        Reason = reason;
        Offset = offset;
    }

    /// <summary>Creates the exception for a checkpoint.</summary>
    internal InvalidModelException(string file, string reason, long offset, Exception? innerException = null)
        : base(FormattableString.Invariant($"'{file}' is no valid Backprop checkpoint: {reason} (at byte {offset}). Delete it to begin afresh, or update the package if the file is newer than it."), innerException)
    {
        Reason = reason;
        Offset = offset;
    }

    /// <summary>What was expected and what was found, without the offset: for a reader whose bytes stand within others.</summary>
    internal string Reason { get; }

    /// <summary>Where in the model's bytes reading failed.</summary>
    public long Offset { get; }
}
