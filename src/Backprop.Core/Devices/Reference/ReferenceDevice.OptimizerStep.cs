using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length)
    {
        double[] w = Values(parameters);
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i] + arguments.WeightDecay * w[i];
            if (velocities is not null)
            {
                double[] v = Values(velocities);
                v[i] = arguments.FirstStep ? g : arguments.Momentum * v[i] + (1 - arguments.Dampening) * g;
                g = arguments.Nesterov ? g + arguments.Momentum * v[i] : v[i];
            }

            w[i] -= arguments.LearningRate * g;
        }
    }

    internal override void AdamStep(
        in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments,
        MemoryBlock? maximumSecondMoments, int length)
    {
        double[] w = Values(parameters), m = Values(firstMoments), v = Values(secondMoments);
        double[]? maxima = ValuesOrNull(maximumSecondMoments);
        double rate = arguments.LearningRate, decay = arguments.WeightDecay;
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i];
            if (arguments.DecoupledWeightDecay)
                w[i] *= 1 - rate * decay;
            else
                g += decay * w[i];
            m[i] = arguments.Beta1 * m[i] + (1 - arguments.Beta1) * g;
            v[i] = arguments.Beta2 * v[i] + (1 - arguments.Beta2) * g * g;
            double second = v[i];
            if (maxima is not null)
                second = maxima[i] = Math.Max(maxima[i], v[i]);
            w[i] -= rate * (m[i] / arguments.BiasCorrection1) / (Math.Sqrt(second / arguments.BiasCorrection2) + arguments.Epsilon);
        }
    }

    internal override void RmsPropStep(
        in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages,
        MemoryBlock? velocities, int length)
    {
        double[] w = Values(parameters), v = Values(squareAverages);
        double[]? a = ValuesOrNull(averages), b = ValuesOrNull(velocities);
        double decay = arguments.Decay;
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i] + arguments.WeightDecay * w[i];
            v[i] = decay * v[i] + (1 - decay) * g * g;
            double variance = v[i];
            if (a is not null)
            {
                a[i] = decay * a[i] + (1 - decay) * g;
                variance = Math.Max(variance - a[i] * a[i], 0); // rounding can take that of a constant gradient below 0
            }

            double quotient = g / (Math.Sqrt(variance) + arguments.Epsilon);
            if (b is not null)
                quotient = b[i] = arguments.Momentum * b[i] + quotient;
            w[i] -= arguments.LearningRate * quotient;
        }
    }

    internal override void MomentsStep(
        in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length)
    {
        double[] w = Values(parameters), m = Values(firstMoments), v = Values(secondMoments);
        double rate = arguments.LearningRate, decay = arguments.WeightDecay;
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i];
            if (arguments.DecoupledWeightDecay)
                w[i] *= 1 - rate * decay;
            else
                g += decay * w[i];
            m[i] = arguments.Beta1 * m[i] + (1 - arguments.Beta1) * g;
            v[i] = arguments.Beta2 * v[i] + (1 - arguments.Beta2) * g * g;
            w[i] -= rate * (arguments.GradientShare * g + arguments.MomentShare * m[i]) / (arguments.RootFactor * Math.Sqrt(v[i]) + arguments.Epsilon);
        }
    }

    internal override void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length)
    {
        double[] w = Values(parameters), v = Values(squareSums);
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i] + arguments.WeightDecay * w[i];
            v[i] += g * g;
            w[i] -= arguments.LearningRate * g / (Math.Sqrt(v[i]) + arguments.Epsilon);
        }
    }

    internal override void AdadeltaStep(
        in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length)
    {
        double[] w = Values(parameters), v = Values(squareAverages), a = Values(squareUpdates);
        double decay = arguments.Decay;
        for (int i = 0; i < length; i++)
        {
            double g = arguments.GradientScale * Values(gradients)[i] + arguments.WeightDecay * w[i];
            v[i] = decay * v[i] + (1 - decay) * g * g;
            double step = g * Math.Sqrt(a[i] + arguments.Epsilon) / Math.Sqrt(v[i] + arguments.Epsilon);
            a[i] = decay * a[i] + (1 - decay) * step * step;
            w[i] -= arguments.LearningRate * step;
        }
    }

    internal override void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns)
    {
        double[] values = Values(x);
        for (int column = 0; column < columns; column++)
        {
            double sum = 0;
            for (int row = 0; row < rows; row++)
                sum += values[row * columns + column] * values[row * columns + column];
            if (Math.Sqrt(sum) > maximum)
                for (int row = 0; row < rows; row++)
                    values[row * columns + column] *= maximum / Math.Sqrt(sum);
        }
    }
}
