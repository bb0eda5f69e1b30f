using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the optimizer kernels.</summary>
internal static class OptimizerCases
{
    public static IEnumerable<KernelCase> Sgd()
    {
        SgdArguments[] settings =
        [
            new(0.1f, 0f, 0f, false, 0f, 1f, true), new(0.1f, 0f, 0f, false, 0.01f, 0.5f, false), new(0.05f, 0.9f, 0f, false, 0f, 1f, true),
            new(0.05f, 0.9f, 0f, false, 0.01f, 1f, false), new(0.05f, 0.9f, 0.3f, false, 0.01f, 2f, false), new(0.05f, 0.9f, 0f, true, 0.01f, 1f, false), new(0.05f, 0.9f, 0f, true, 0f, 0.1f, true),
        ];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (SgdArguments arguments in settings)
            {
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2));
                if (arguments.Momentum == 0f)
                    yield return new KernelCase($"{length}, {arguments}", [w, g], (d, m) => d.SgdStep(arguments, m[0], m[1], null, length));
                else
                    yield return new KernelCase($"{length}, {arguments}", [w, g, KernelBlock.Both(Samples.Uniform(length, 3))], (d, m) => d.SgdStep(arguments, m[0], m[1], m[2], length));
            }
        }
    }

    public static IEnumerable<KernelCase> Adam()
    {
        AdamArguments[] settings =
        [
            new(1e-3f, 0.9, 0.999, 1e-8f, 0f, false, 1f, 1 - 0.9, 1 - 0.999), new(1e-2f, 0.8, 0.95, 1e-4f, 0.1f, false, 0.5f, 1 - Math.Pow(0.8, 3), 1 - Math.Pow(0.95, 3)),
            new(1e-3f, 0.9, 0.999, 1e-8f, 0.01f, true, 1f, 1, 1), new(1e-2f, 0.5, 0.9, 1e-3f, 0.3f, true, 2f, 1 - Math.Pow(0.5, 2), 1 - Math.Pow(0.9, 2)),
        ];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (AdamArguments arguments in settings)
            {
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2));
                KernelBlock first = KernelBlock.Both(Samples.Uniform(length, 3)), second = KernelBlock.Both(Samples.Uniform(length, 4, 0.01, 2));
                yield return new KernelCase($"{length}, {arguments}", [w, g, first, second], (d, m) => d.AdamStep(arguments, m[0], m[1], m[2], m[3], null, length), KernelHarness.Exponential);
                yield return new KernelCase(
                    $"{length}, {arguments}, maxima", [w, g, first, second, KernelBlock.Both(Samples.Uniform(length, 5, 0.01, 2))],
                    (d, m) => d.AdamStep(arguments, m[0], m[1], m[2], m[3], m[4], length), KernelHarness.Exponential);
            }
        }
    }

    public static IEnumerable<KernelCase> RmsProp()
    {
        RmsPropArguments[] settings = [new(1e-2f, 0.99, 1e-8f, 0f, 0f, 1f), new(1e-2f, 0.9, 1e-3f, 0.9f, 0.05f, 0.5f)];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (RmsPropArguments arguments in settings)
            {
                // The averages are small against the mean squares, so that the variance of the centered form stays positive.
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2));
                KernelBlock squares = KernelBlock.Both(Samples.Uniform(length, 3, 0.5, 2)), averages = KernelBlock.Both(Samples.Uniform(length, 4, -0.3, 0.3));
                KernelBlock velocities = KernelBlock.Both(Samples.Uniform(length, 5));
                yield return new KernelCase($"{length}, {arguments}", [w, g, squares], (d, m) => d.RmsPropStep(arguments, m[0], m[1], m[2], null, null, length), KernelHarness.Exponential);
                yield return new KernelCase(
                    $"{length}, {arguments}, centered with momentum", [w, g, squares, averages, velocities],
                    (d, m) => d.RmsPropStep(arguments, m[0], m[1], m[2], m[3], m[4], length), KernelHarness.Exponential);
            }
        }
    }
}
