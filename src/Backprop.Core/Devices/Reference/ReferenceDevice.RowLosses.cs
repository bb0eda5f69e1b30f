using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments)
    {
        double total = 0;
        for (int row = 0; row < layout.Outer * layout.Inner; row++)
        {
            int label = (int)Values(labels)[row];
            double weight = label < 0 ? 0 : (ValuesOrNull(arguments.RowWeights)?[row] ?? 1) * (ValuesOrNull(arguments.ColumnWeights)?[label] ?? 1);
            double loss = label < 0 ? 0 : -weight * Values(logProbabilities)[Position(layout, row, label)];
            total += loss;
            if (arguments.Reduction == Reduction.None)
                Values(arguments.Loss)[row] = loss;
            if (arguments.PredictionGradient is not null)
                for (int a = 0; a < layout.Axis; a++)
                    Values(arguments.PredictionGradient)[Position(layout, row, a)] = a == label ? -weight * GradientFactor(arguments) : 0;
        }

        StoreTotal(total, arguments);
    }

    internal override void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments)
    {
        double total = 0;
        for (int row = 0; row < rows; row++)
        {
            int label = (int)Values(labels)[row];
            double weight = (ValuesOrNull(arguments.RowWeights)?[row] ?? 1) * (ValuesOrNull(arguments.ColumnWeights)?[label] ?? 1) / classes;
            double loss = 0, slope = 0;
            for (int c = 0; c < classes; c++)
            {
                double violation = c == label ? 0 : Math.Max(0, arguments.Parameter - Values(scores)[row * classes + label] + Values(scores)[row * classes + c]);
                double derivative = power == 2 ? 2 * violation : violation > 0 ? 1 : 0;
                loss += Math.Pow(violation, power);
                slope += derivative;
                if (arguments.PredictionGradient is not null)
                    Values(arguments.PredictionGradient)[row * classes + c] = weight * GradientFactor(arguments) * derivative;
            }

            if (arguments.PredictionGradient is not null)
                Values(arguments.PredictionGradient)[row * classes + label] = -weight * GradientFactor(arguments) * slope;
            if (arguments.Reduction == Reduction.None)
                Values(arguments.Loss)[row] = weight * loss;
            total += weight * loss;
        }

        StoreTotal(total, arguments);
    }

    internal override void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments)
    {
        double total = 0;
        double[] x = Values(a), y = Values(b);
        for (int row = 0; row < rows; row++)
        {
            double dot = 0, squareX = 1e-12, squareY = 1e-12;
            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                dot += x[i] * y[i];
                squareX += x[i] * x[i];
                squareY += y[i] * y[i];
            }

            double norms = Math.Sqrt(squareX * squareY), cosine = dot / norms, weight = ValuesOrNull(arguments.RowWeights)?[row] ?? 1;
            bool isAlike = Values(signs)[row] > 0;
            double loss = weight * (isAlike ? 1 - cosine : Math.Max(0, cosine - arguments.Parameter));
            double slope = weight * GradientFactor(arguments) * (isAlike ? -1 : cosine > arguments.Parameter ? 1 : 0);
            for (int i = row * columns; i < (row + 1) * columns; i++)
            {
                if (arguments.PredictionGradient is not null)
                    Values(arguments.PredictionGradient)[i] = slope * (y[i] / norms - cosine * x[i] / squareX);
                if (arguments.TargetGradient is not null)
                    Values(arguments.TargetGradient)[i] = slope * (x[i] / norms - cosine * y[i] / squareY);
            }

            if (arguments.Reduction == Reduction.None)
                Values(arguments.Loss)[row] = loss;
            total += loss;
        }

        StoreTotal(total, arguments);
    }

    internal override void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments)
    {
        double total = 0;
        for (int segment = 0; segment < segments; segment++)
        {
            int start = (int)Values(offsets)[segment], count = (int)Values(offsets)[segment + 1] - start;
            double[] x = Values(scores)[start..(start + count)], t = Values(targets)[start..(start + count)], logProbabilities = new double[count];
            LogSoftmaxRow(new AxisLayout(1, count, 1), x, 0, logProbabilities);
            double weight = ValuesOrNull(arguments.RowWeights)?[segment] ?? 1, loss = 0;
            for (int i = 0; i < count; i++)
            {
                loss -= weight * t[i] * logProbabilities[i];
                if (arguments.PredictionGradient is not null)
                    Values(arguments.PredictionGradient)[start + i] = weight * GradientFactor(arguments) * (t.Sum() * Math.Exp(logProbabilities[i]) - t[i]);
            }

            if (arguments.Reduction == Reduction.None)
                Values(arguments.Loss)[segment] = loss;
            total += loss;
        }

        StoreTotal(total, arguments);
    }
}
