using Backprop.Benchmarks.Figures;
using Backprop.Peers;

// Libtorch on the work of the engine's figures, under the same names and by the same method: [--threads N] [--only prefix,...].
if (args is [PeakMemory.ChildArgument, string network, ..])
{
    if (FigureRun.Parse(args.AsSpan(2)) is not { } child)
        return 2;
    NativeLibraryRepair.Apply();
    TorchSharp.torch.set_num_threads(child.Threads);
    ConvolutionalStepFigures.TakeSteps(network);
    return 0;
}

bool isChild = args is [ProcessStart.ChildArgument, ..];
if (FigureRun.Parse(isChild ? args.AsSpan(1) : args) is not { } run)
    return 2;

NativeLibraryRepair.Apply();
TorchSharp.torch.set_num_threads(run.Threads);
if (isChild)
{
    OtherFigures.TakeFirstStep();
    return 0;
}

FigureRun.PrintValue("load.before", FigureRun.LoadAverage(), "processes");
run.Group("gemm", MatMulFigures.Print);
run.Group("gemv", MatMulFigures.PrintRow);
run.Group("conv", ConvolutionFigures.Print);
run.Group("mlp", TrainingStepFigures.Print);
run.Group("cnn", ConvolutionalStepFigures.Print);
run.Group("elementwise", ElementwiseFigures.Print);
run.Group("pool", PoolingFigures.Print);
run.Group("infer", OtherFigures.PrintPredictions);
run.Group("tape", OtherFigures.PrintTape);
run.Group("cold", OtherFigures.PrintStart);
FigureRun.PrintValue("load.after", FigureRun.LoadAverage(), "processes");
return 0;
