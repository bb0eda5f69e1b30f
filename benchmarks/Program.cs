using Backprop.Benchmarks.Figures;
using BenchmarkDotNet.Running;

if (args is ["figures", .. string[] rest])
    return FigureProgram.Run(rest);

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
