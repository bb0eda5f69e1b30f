namespace Backprop.Devices.Cpu;

/// <summary>
/// A matrix [rows, channels] seen with so many rows side by side that whole registers run down its columns, however few
/// channels there are. Column i of the view belongs to channel i % Channels; the last rows, too few for a row of the view,
/// are its tail.
/// </summary>
internal readonly struct ChannelView
{
    /// <summary>Columns that are summed together: a block of them stays in the first cache.</summary>
    public const int StripWidth = 128;

    // Four of the widest registers.
    private const int PreferredWidth = 64;
    private const int MaximumWidth = 512;

    public readonly int Channels, Repeats, Rows, TailColumns;

    public ChannelView(int rows, int channels)
    {
        Channels = channels;
        int repeats = PreferredWidth / (1 << Math.Min(System.Numerics.BitOperations.TrailingZeroCount(channels), 6));
        if (repeats * (long)channels > MaximumWidth)
            repeats = Math.Max(PreferredWidth / channels, 1);
        Repeats = Math.Clamp(repeats, 1, Math.Max(rows, 1));
        Rows = rows / Repeats;
        TailColumns = rows % Repeats * channels;
    }

    public int Columns => Channels * Repeats;

    public int Strips => (Columns + StripWidth - 1) / StripWidth;

    /// <summary>Rows, the tail included.</summary>
    public int AllRows => Rows + (TailColumns > 0 ? 1 : 0);

    /// <summary>The first row of one of several pieces of the rows, without the tail.</summary>
    public int FirstRow(int piece, int pieces) => (int)((long)Rows * piece / pieces);

    /// <summary>How many elements of a column are in a piece. The tail belongs to the last one.</summary>
    public int CountOf(int piece, int pieces, int column) =>
        FirstRow(piece + 1, pieces) - FirstRow(piece, pieces) + (piece == pieces - 1 && column < TailColumns ? 1 : 0);
}
