using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// One number per column of a <see cref="ChannelView"/> for each step of a normalisation. Forward: z = (x − Mean)·Scale +
/// Shift, where what the mean lost when it was rounded is in the shift. Backward: gradInput = Scale·g − (x − Mean)·Slope + Offset.
/// </summary>
internal readonly unsafe struct ChannelTables
{
    /// <summary>How many floats the tables of a view take.</summary>
    public const int NumberOfTables = 5;

    public readonly float* Mean, Scale, Shift, Slope, Offset;

    public ChannelTables(float* memory, int columns)
        : this(memory, memory + columns, memory + 2 * (nint)columns, memory + 3 * (nint)columns, memory + 4 * (nint)columns)
    {
    }

    private ChannelTables(float* mean, float* scale, float* shift, float* slope, float* offset)
    {
        Mean = mean;
        Scale = scale;
        Shift = shift;
        Slope = slope;
        Offset = offset;
    }

    public ChannelTables From(int column) => new(Mean + column, Scale + column, Shift + column, Slope + column, Offset + column);

    /// <summary>Fills what forward needs, for all repetitions of the channels.</summary>
    /// <param name="view">The view.</param>
    /// <param name="statistics">The mean of the first channel; the rest of it and 1/√(σ² + ε) follow at this distance.</param>
    /// <param name="distance">The number of statistics of the whole tensor.</param>
    /// <param name="channelsPerStatistic">How many neighbouring channels share one.</param>
    /// <param name="gamma">γ, or null for 1.</param>
    /// <param name="beta">β, or null for 0.</param>
    public void Fill(in ChannelView view, float* statistics, nint distance, int channelsPerStatistic, float* gamma, float* beta)
    {
        for (int c = 0; c < view.Channels; c++)
        {
            float* own = statistics + c / channelsPerStatistic;
            float scale = own[2 * distance] * (gamma == null ? 1f : gamma[c]);
            Mean[c] = own[0];
            Scale[c] = scale;
            Shift[c] = (beta == null ? 0f : beta[c]) - own[distance] * scale;
        }

        Repeat(view, Mean);
        Repeat(view, Scale);
        Repeat(view, Shift);
    }

    /// <summary>Copies the first channels of a table to all their repetitions.</summary>
    public static void Repeat(in ChannelView view, float* table)
    {
        var channels = new ReadOnlySpan<float>(table, view.Channels);
        for (int repeat = 1; repeat < view.Repeats; repeat++)
            channels.CopyTo(new Span<float>(table + repeat * view.Channels, view.Channels));
    }
}

/// <summary>y = activation((x − mean)·scale + shift), row by row.</summary>
internal readonly unsafe struct ChannelForwardKernel<TFunction>(ChannelView view, int length, ChannelTables tables, float* x, float* y, float parameter) : IRangeKernel
    where TFunction : IActivationFunction
{
    private readonly ChannelView _view = view;
    private readonly ChannelTables _tables = tables;

    public void Apply<TSimd>(int chunk, int start, int end)
        where TSimd : unmanaged, ISimd<TSimd> => Apply<TSimd>(_tables, x, y, parameter, _view.Columns, start, end, length);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Apply<TSimd>(ChannelTables tables, float* x, float* y, float parameter, int columns, int start, int end, int length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd p = TSimd.Create(parameter);
        for (int row = start; row < end; row++)
        {
            nint offset = (nint)row * columns;
            float* source = x + offset, destination = y + offset;
            int i = 0, count = (int)Math.Min(columns, length - offset);
            for (; i <= count - TSimd.Width; i += TSimd.Width)
            {
                TSimd z = TSimd.Fma(TSimd.Load(source + i) - TSimd.Load(tables.Mean + i), TSimd.Load(tables.Scale + i), TSimd.Load(tables.Shift + i));
                TSimd.Store(TFunction.Forward(z, p), destination + i);
            }

            if (i < count)
            {
                int rest = count - i;
                TSimd d = TSimd.Load(source + i, rest) - TSimd.Load(tables.Mean + i, rest);
                TSimd z = TSimd.Fma(d, TSimd.Load(tables.Scale + i, rest), TSimd.Load(tables.Shift + i, rest));
                TSimd.Store(TFunction.Forward(z, p), destination + i, rest);
            }
        }
    }
}

/// <summary>gradInput (+)= scale·g − (x − mean)·slope + offset, with g the gradient through the activation, row by row.</summary>
internal readonly unsafe struct ChannelBackwardKernel<TFunction, TOutput>(
    ChannelView view, int length, ChannelTables tables, float* x, float* gradOutput, float* gradInput, Activation activation) : IRangeKernel
    where TFunction : IActivationFunction
    where TOutput : IOutput
{
    private readonly ChannelView _view = view;
    private readonly ChannelTables _tables = tables;

    public void Apply<TSimd>(int chunk, int start, int end)
        where TSimd : unmanaged, ISimd<TSimd> =>
        Apply<TSimd>(_tables, x, gradOutput, gradInput, activation.Parameter, activation.DerivativeFromOutput, _view.Columns, start, end, length);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Apply<TSimd>(
        ChannelTables tables, float* x, float* gradOutput, float* gradInput, float parameter, bool fromOutput, int columns, int start, int end, int length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd p = TSimd.Create(parameter);
        for (int row = start; row < end; row++)
        {
            nint offset = (nint)row * columns;
            int i = 0, count = (int)Math.Min(columns, length - offset);
            for (; i <= count - TSimd.Width; i += TSimd.Width)
                Apply<TSimd, AllLanes>(tables.From(i), x + offset + i, gradOutput + offset + i, gradInput + offset + i, p, fromOutput, TSimd.Width);
            if (i < count)
                Apply<TSimd, FirstLanes>(tables.From(i), x + offset + i, gradOutput + offset + i, gradInput + offset + i, p, fromOutput, count - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Apply<TSimd, TLanes>(in ChannelTables tables, float* x, float* gradOutput, float* gradInput, TSimd parameter, bool fromOutput, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes
    {
        TSimd distance = TLanes.Load<TSimd>(x, count) - TLanes.Load<TSimd>(tables.Mean, count), scale = TLanes.Load<TSimd>(tables.Scale, count);
        TSimd gradient = TLanes.Load<TSimd>(gradOutput, count);
        if (typeof(TFunction) != typeof(Identity))
            gradient = ChannelGradients.Through<TSimd, TFunction>(TSimd.Fma(distance, scale, TLanes.Load<TSimd>(tables.Shift, count)), gradient, parameter, fromOutput);
        TSimd result = TSimd.Fma(scale, gradient, TLanes.Load<TSimd>(tables.Offset, count) - distance * TLanes.Load<TSimd>(tables.Slope, count));
        TOutput.Write<TSimd, TLanes>(result, gradInput, count);
    }
}
