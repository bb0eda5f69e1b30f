namespace Backprop.Benchmarks.Figures;

/// <summary>
/// <c>figures [--threads N] [--only prefix,...]</c>: a quick run over everything, one line per figure: name, median, unit,
/// minimum and maximum, with tabs between. Peers/ prints the same names for libtorch.
/// </summary>
internal static class FigureProgram
{
    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        if (arguments is [PeakMemory.ChildArgument, string network, ..])
        {
            if (FigureRun.Parse(arguments[2..]) is not { } child)
                return 2;
            ConvolutionalStepFigures.TakeSteps(child.Threads, network);
            return 0;
        }

        bool isChild = arguments is [ProcessStart.ChildArgument, ..];
        if (FigureRun.Parse(isChild ? arguments[1..] : arguments) is not { } run)
            return 2;
        if (isChild)
        {
            StartFigures.TakeFirstStep(run.Threads);
            return 0;
        }

        FigureRun.PrintValue("load.before", FigureRun.LoadAverage(), "processes");
        run.Group("peak", PeakFigures.Print);
        run.Group("gemm", MatMulFigures.Print);
        run.Group("gemv", MatMulFigures.PrintRow);
        run.Group("conv", ConvolutionFigures.Print);
        run.Group("mlp", TrainingStepFigures.Print);
        run.Group("cnn", ConvolutionalStepFigures.Print);
        run.Group("checkpointing", ActivationMemoryFigures.PrintCheckpointing);
        run.Group("precision", ActivationMemoryFigures.PrintPrecision);
        run.Group("elementwise", ElementwiseFigures.Print);
        run.Group("pool", PoolingFigures.Print);
        run.Group("infer", PredictionFigures.Print);
        run.Group("data", DataFigures.Print);
        run.Group("tape", TapeFigures.Print);
        run.Group("cold", StartFigures.Print);
        FigureRun.PrintValue("load.after", FigureRun.LoadAverage(), "processes");
        return 0;
    }
}
