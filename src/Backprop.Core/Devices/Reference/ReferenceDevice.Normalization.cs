using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        (int rows, int channels) = (arguments.Rows, arguments.Channels);
        double[]? runningMean = ValuesOrNull(arguments.RunningMean), runningVariance = ValuesOrNull(arguments.RunningVariance);
        for (int c = 0; c < channels; c++)
        {
            double mean, variance;
            if (arguments.UsesBatch)
            {
                (mean, variance) = Moments(Values(x), Enumerable.Range(0, rows).Select(row => row * channels + c));
                double m = arguments.Momentum;
                if (runningMean is not null)
                    runningMean[c] = (1 - m) * runningMean[c] + m * mean;
                if (runningVariance is not null)
                    runningVariance[c] = (1 - m) * runningVariance[c] + m * variance * rows / (rows - 1);
            }
            else
            {
                (mean, variance) = (runningMean![c], runningVariance![c]);
            }

            KeepStatistics(statistics, c, channels, mean, variance, arguments.Epsilon);
        }

        for (int i = 0; i < rows * channels; i++)
            Values(y)[i] = ActivationFormulas.Value(arguments.Activation, Normalized(x, statistics, i, i % channels, channels, i % channels, arguments.Gamma, arguments.Beta));
    }

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        (int rows, int channels) = (arguments.Rows, arguments.Channels);
        double[] g = new double[rows * channels], normal = new double[rows * channels];
        for (int i = 0; i < g.Length; i++)
        {
            int c = i % channels;
            normal[i] = Normalized(x, statistics, i, c, channels, c, null, null);
            g[i] = Values(gradients.Output)[i] * ActivationFormulas.Derivative(arguments.Activation, Normalized(x, statistics, i, c, channels, c, arguments.Gamma, arguments.Beta));
        }

        for (int c = 0; c < channels; c++)
        {
            double sum = 0, product = 0;
            for (int i = c; i < g.Length; i += channels)
            {
                sum += g[i];
                product += g[i] * normal[i];
            }

            if (gradients.Gamma is not null)
                Store(Values(gradients.Gamma), c, product, gradients.AccumulateGamma);
            if (gradients.Beta is not null)
                Store(Values(gradients.Beta), c, sum, gradients.AccumulateBeta);
            if (gradients.Input is null)
                continue;
            double scale = Values(statistics)[2 * channels + c] * (ValuesOrNull(arguments.Gamma)?[c] ?? 1);
            for (int i = c; i < g.Length; i += channels)
                Store(Values(gradients.Input), i, scale * (arguments.UsesBatch ? g[i] - sum / rows - normal[i] * product / rows : g[i]), gradients.AccumulateInput);
        }
    }

    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y)
    {
        GroupNormArguments layout = arguments;
        int sets = layout.Examples * layout.Groups;
        for (int set = 0; set < sets; set++)
        {
            (double mean, double variance) = Moments(Values(x), Members(layout, set));
            KeepStatistics(statistics, set, sets, mean, variance, layout.Epsilon);
            foreach (int i in Members(layout, set))
                Values(y)[i] = ActivationFormulas.Value(layout.Activation, Normalized(x, statistics, i, set, sets, i % layout.Channels, layout.Gamma, layout.Beta));
        }
    }

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients)
    {
        GroupNormArguments layout = arguments;
        int sets = layout.Examples * layout.Groups;
        double[] gradGamma = new double[layout.Channels], gradBeta = new double[layout.Channels], g = new double[layout.Length], normal = new double[layout.Length];
        for (int set = 0; set < sets; set++)
        {
            double sum = 0, product = 0;
            int count = 0;
            foreach (int i in Members(layout, set))
            {
                int c = i % layout.Channels;
                double gamma = ValuesOrNull(layout.Gamma)?[c] ?? 1;
                normal[i] = Normalized(x, statistics, i, set, sets, c, null, null);
                g[i] = Values(gradients.Output)[i] * ActivationFormulas.Derivative(layout.Activation, Normalized(x, statistics, i, set, sets, c, layout.Gamma, layout.Beta));
                gradGamma[c] += g[i] * normal[i];
                gradBeta[c] += g[i];
                g[i] *= gamma;
                sum += g[i];
                product += g[i] * normal[i];
                count++;
            }

            if (gradients.Input is not null)
                foreach (int i in Members(layout, set))
                    Store(Values(gradients.Input), i, Values(statistics)[2 * sets + set] * (g[i] - sum / count - normal[i] * product / count), gradients.AccumulateInput);
        }

        for (int c = 0; c < layout.Channels; c++)
        {
            if (gradients.Gamma is not null)
                Store(Values(gradients.Gamma), c, gradGamma[c], gradients.AccumulateGamma);
            if (gradients.Beta is not null)
                Store(Values(gradients.Beta), c, gradBeta[c], gradients.AccumulateBeta);
        }
    }

    /// <summary>The elements that are normalised together: those of one group of one example.</summary>
    private static IEnumerable<int> Members(GroupNormArguments layout, int set)
    {
        (int example, int group) = Math.DivRem(set, layout.Groups);
        for (int position = 0; position < layout.Positions; position++)
            for (int c = group * layout.ChannelsPerGroup; c < (group + 1) * layout.ChannelsPerGroup; c++)
                yield return (example * layout.Positions + position) * layout.Channels + c;
    }

    private static (double Mean, double Variance) Moments(double[] x, IEnumerable<int> members)
    {
        double sum = 0, squares = 0;
        int count = 0;
        foreach (int i in members)
        {
            sum += x[i];
            count++;
        }

        foreach (int i in members)
            squares += (x[i] - sum / count) * (x[i] - sum / count);
        return (sum / count, squares / count);
    }

    // A double loses nothing worth keeping of the mean.
    private static void KeepStatistics(MemoryBlock statistics, int set, int sets, double mean, double variance, double epsilon)
    {
        Values(statistics)[set] = mean;
        Values(statistics)[sets + set] = 0;
        Values(statistics)[2 * sets + set] = 1 / Math.Sqrt(variance + epsilon);
    }

    private static double Normalized(MemoryBlock x, MemoryBlock statistics, int i, int set, int sets, int channel, MemoryBlock? gamma, MemoryBlock? beta)
    {
        double mean = Values(statistics)[set] + Values(statistics)[sets + set], inverse = Values(statistics)[2 * sets + set];
        return (Values(x)[i] - mean) * inverse * (ValuesOrNull(gamma)?[channel] ?? 1) + (ValuesOrNull(beta)?[channel] ?? 0);
    }
}
