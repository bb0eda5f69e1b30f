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
                    yield return new KernelCase($"{length}, {arguments}", [w, g, arguments.FirstStep ? KernelBlock.Destination(length) : KernelBlock.Both(Samples.Uniform(length, 3))], (d, m) => d.SgdStep(arguments, m[0], m[1], m[2], length));
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

    public static IEnumerable<KernelCase> Moments()
    {
        MomentsArguments[] settings =
        [
            new(1e-3f, 0.9, 0.999, 0f, false, 1f) { GradientShare = 0.5, MomentShare = 0.7, RootFactor = 3.1, Epsilon = 1e-8f },
            new(1e-2f, 0.8, 0.95, 0.1f, false, 0.5f) { MomentShare = 0.9, RootFactor = 1, Epsilon = 1e-4f },
            new(1e-2f, 0.5, 0.9, 0.3f, true, 2f) { MomentShare = 2, RootFactor = 0, Epsilon = 1f }, // as RAdam begins
        ];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (MomentsArguments arguments in settings)
            {
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2));
                KernelBlock first = KernelBlock.Both(Samples.Uniform(length, 3)), second = KernelBlock.Both(Samples.Uniform(length, 4, 0.01, 2));
                yield return new KernelCase($"{length}, {arguments}", [w, g, first, second], (d, m) => d.MomentsStep(arguments, m[0], m[1], m[2], m[3], length), KernelHarness.Exponential);
            }
        }
    }

    public static IEnumerable<KernelCase> Adagrad()
    {
        AdagradArguments[] settings = [new(1e-2f, 1e-10f, 0f, 1f), new(0.1f, 1e-3f, 0.05f, 0.5f)];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (AdagradArguments arguments in settings)
            {
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2)), sums = KernelBlock.Both(Samples.Uniform(length, 3, 0, 2));
                yield return new KernelCase($"{length}, {arguments}", [w, g, sums], (d, m) => d.AdagradStep(arguments, m[0], m[1], m[2], length), KernelHarness.Exponential);
            }
        }
    }

    public static IEnumerable<KernelCase> Adadelta()
    {
        AdadeltaArguments[] settings = [new(1f, 0.9, 1e-6f, 0f, 1f), new(0.5f, 0.7, 1e-4f, 0.05f, 0.5f)];
        foreach (int length in ElementwiseCases.Lengths)
        {
            foreach (AdadeltaArguments arguments in settings)
            {
                KernelBlock w = KernelBlock.Both(Samples.Uniform(length, 1)), g = KernelBlock.Source(Samples.Uniform(length, 2));
                KernelBlock squares = KernelBlock.Both(Samples.Uniform(length, 3, 0, 2)), updates = KernelBlock.Both(Samples.Uniform(length, 4, 0, 0.1));
                yield return new KernelCase($"{length}, {arguments}", [w, g, squares, updates], (d, m) => d.AdadeltaStep(arguments, m[0], m[1], m[2], m[3], length), KernelHarness.Exponential);
            }
        }
    }

    public static IEnumerable<KernelCase> LimitColumnNorms()
    {
        foreach ((int rows, int columns) in ((int, int)[])[(0, 0), (0, 5), (3, 0), (1, 1), (1, 33), (50, 1), (7, 3), (32, 16), (33, 17), (100, 31), (784, 130), (9000, 2), (40, 1500)])
        {
            // About half of the columns are longer than the limit; one is zero.
            float[] values = Samples.Uniform(rows * columns, 1);
            for (int i = 0; i < values.Length; i++)
                values[i] *= i % columns == 2 ? 0f : (i % columns % 2 == 0 ? 0.5f : 1.5f);
            foreach (float maximum in (float[])[MathF.Sqrt(Math.Max(rows, 1)), 1e-3f, 1e6f])
                yield return new KernelCase($"{rows} x {columns}, {maximum}", [KernelBlock.Both(values)], (d, m) => d.LimitColumnNorms(maximum, m[0], rows, columns));
        }
    }
}
