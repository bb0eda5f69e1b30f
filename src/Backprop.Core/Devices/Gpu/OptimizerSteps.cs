using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The optimizer steps: every array is read and written once, so they run at the speed of memory. What is the same for all
/// elements is worked out on the host, in the precision and by the formulas of the processor's steps.
/// </summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, SgdNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _sgd;
    private Action<AcceleratorStream, KernelConfig, AdamNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _adam;
    private Action<AcceleratorStream, KernelConfig, AdamNumbers, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _moments;
    private Action<AcceleratorStream, KernelConfig, RmsPropNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _rmsProp;
    private Action<AcceleratorStream, KernelConfig, RmsPropNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _adagrad;
    private Action<AcceleratorStream, KernelConfig, RmsPropNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _adadelta;

    internal override void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length) =>
        Kernel(ref _sgd, OptimizerKernels.Sgd)(
            _stream, GridFor(length), new SgdNumbers(arguments, velocities is not null), Floats(parameters), Floats(gradients), FloatsOr(velocities, parameters), length);

    internal override void AdamStep(
        in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments,
        MemoryBlock? maximumSecondMoments, int length) =>
        Kernel(ref _adam, OptimizerKernels.Adam)(
            _stream, GridFor(length), new AdamNumbers(arguments, maximumSecondMoments is not null), Floats(parameters), Floats(gradients), Floats(firstMoments), Floats(secondMoments),
            FloatsOr(maximumSecondMoments, parameters), length);

    internal override void MomentsStep(
        in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length) =>
        Kernel(ref _moments, OptimizerKernels.Moments)(
            _stream, GridFor(length), new AdamNumbers(arguments), (float)(arguments.LearningRate * arguments.GradientShare), Floats(parameters), Floats(gradients), Floats(firstMoments),
            Floats(secondMoments), length);

    internal override void RmsPropStep(
        in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages,
        MemoryBlock? velocities, int length) =>
        Kernel(ref _rmsProp, OptimizerKernels.RmsProp)(
            _stream, GridFor(length), new RmsPropNumbers(arguments, averages is not null, velocities is not null), Floats(parameters), Floats(gradients), Floats(squareAverages),
            FloatsOr(averages, parameters), FloatsOr(velocities, parameters), length);

    internal override void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length) =>
        Kernel(ref _adagrad, OptimizerKernels.Adagrad)(
            _stream, GridFor(length), new RmsPropNumbers(arguments), Floats(parameters), Floats(gradients), Floats(squareSums), length);

    internal override void AdadeltaStep(
        in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length) =>
        Kernel(ref _adadelta, OptimizerKernels.Adadelta)(
            _stream, GridFor(length), new RmsPropNumbers(arguments), Floats(parameters), Floats(gradients), Floats(squareAverages), Floats(squareUpdates), length);
}

/// <summary>What an SGD step has for all elements.</summary>
internal readonly struct SgdNumbers(in SgdArguments arguments, bool hasVelocities)
{
    public readonly float Scale = arguments.GradientScale, Decay = arguments.WeightDecay, Rate = arguments.LearningRate;
    public readonly float Momentum = arguments.Momentum, Undamped = 1f - arguments.Dampening;
    public readonly int HasVelocities = hasVelocities ? 1 : 0, IsNesterov = arguments.Nesterov ? 1 : 0, IsFirstStep = arguments.FirstStep ? 1 : 0;
}

/// <summary>What a step of Adam and its kin has for all elements.</summary>
internal readonly struct AdamNumbers
{
    public readonly float Scale, AddedDecay, Shrink, Beta1, NewShare1, Beta2, NewShare2, Rate, RootFactor, Epsilon;
    public readonly int HasMaxima;

    public AdamNumbers(in AdamArguments arguments, bool hasMaxima)
        : this(arguments.Beta1, arguments.Beta2, arguments.WeightDecay, arguments.DecoupledWeightDecay, arguments.LearningRate)
    {
        // η(m/c₁)/(√(v/c₂) + ε) = (η/c₁)m/(√v/√c₂ + ε): the corrections cost no division per element.
        (Scale, Epsilon, HasMaxima) = (arguments.GradientScale, arguments.Epsilon, hasMaxima ? 1 : 0);
        Rate = (float)(arguments.LearningRate / arguments.BiasCorrection1);
        RootFactor = (float)(1.0 / Math.Sqrt(arguments.BiasCorrection2));
    }

    public AdamNumbers(in MomentsArguments arguments)
        : this(arguments.Beta1, arguments.Beta2, arguments.WeightDecay, arguments.DecoupledWeightDecay, arguments.LearningRate)
    {
        (Scale, Epsilon) = (arguments.GradientScale, arguments.Epsilon);
        Rate = (float)(arguments.LearningRate * arguments.MomentShare);
        RootFactor = (float)arguments.RootFactor;
    }

    // The two kinds of weight decay, one of them switched off by its neutral number.
    private AdamNumbers(double beta1, double beta2, float decay, bool isDecoupled, float rate)
    {
        (AddedDecay, Shrink) = isDecoupled ? (0f, (float)(1.0 - (double)rate * decay)) : (decay, 1f);
        (Beta1, NewShare1, Beta2, NewShare2) = ((float)beta1, (float)(1.0 - beta1), (float)beta2, (float)(1.0 - beta2));
    }
}

/// <summary>What a step of RMSprop, Adagrad or Adadelta has for all elements.</summary>
internal readonly struct RmsPropNumbers
{
    public readonly float Scale, Decay, Rate, Old, New, Momentum, Epsilon;
    public readonly int IsCentered, HasVelocities;

    public RmsPropNumbers(in RmsPropArguments arguments, bool isCentered, bool hasVelocities)
        : this(arguments.GradientScale, arguments.WeightDecay, arguments.LearningRate, arguments.Epsilon, arguments.Decay)
    {
        (Momentum, IsCentered, HasVelocities) = (arguments.Momentum, isCentered ? 1 : 0, hasVelocities ? 1 : 0);
    }

    public RmsPropNumbers(in AdagradArguments arguments)
        : this(arguments.GradientScale, arguments.WeightDecay, arguments.LearningRate, arguments.Epsilon, 0)
    {
    }

    public RmsPropNumbers(in AdadeltaArguments arguments)
        : this(arguments.GradientScale, arguments.WeightDecay, arguments.LearningRate, arguments.Epsilon, arguments.Decay)
    {
    }

    private RmsPropNumbers(float scale, float weightDecay, float rate, float epsilon, double old) =>
        (Scale, Decay, Rate, Epsilon, Old, New) = (scale, weightDecay, rate, epsilon, (float)old, (float)(1.0 - old));
}

/// <summary>What runs on the device.</summary>
internal static class OptimizerKernels
{
    [GpuKernel]
    public static void Sgd(SgdNumbers n, ArrayView<float> w, ArrayView<float> g, ArrayView<float> v, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], direction = n.Decay * weight + n.Scale * g[i];
            if (n.HasVelocities != 0)
            {
                // On the first step the velocities hold anything, NaN perhaps: they must not be read.
                float gradient = direction, velocity = n.IsFirstStep != 0 ? gradient : n.Momentum * v[i] + n.Undamped * gradient;
                v[i] = velocity;
                direction = n.IsNesterov != 0 ? n.Momentum * velocity + gradient : velocity;
            }

            w[i] = weight - n.Rate * direction;
        }
    }

    [GpuKernel]
    public static void Adam(
        AdamNumbers n, ArrayView<float> w, ArrayView<float> g, ArrayView<float> m, ArrayView<float> v, ArrayView<float> maxima, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], gradient = n.AddedDecay * weight + n.Scale * g[i];
            float first = n.Beta1 * m[i] + n.NewShare1 * gradient, second = n.Beta2 * v[i] + n.NewShare2 * gradient * gradient;
            m[i] = first;
            v[i] = second;
            if (n.HasMaxima != 0)
            {
                second = ScalarFunctions.Max(maxima[i], second);
                maxima[i] = second;
            }

            w[i] = n.Shrink * weight - n.Rate * first / (MathF.Sqrt(second) * n.RootFactor + n.Epsilon);
        }
    }

    [GpuKernel]
    public static void Moments(
        AdamNumbers n, float gradientRate, ArrayView<float> w, ArrayView<float> g, ArrayView<float> m, ArrayView<float> v, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], gradient = n.AddedDecay * weight + n.Scale * g[i];
            float first = n.Beta1 * m[i] + n.NewShare1 * gradient, second = n.Beta2 * v[i] + n.NewShare2 * gradient * gradient;
            m[i] = first;
            v[i] = second;
            float direction = gradientRate * gradient + n.Rate * first;
            w[i] = n.Shrink * weight - direction / (MathF.Sqrt(second) * n.RootFactor + n.Epsilon);
        }
    }

    [GpuKernel]
    public static void RmsProp(
        RmsPropNumbers n, ArrayView<float> w, ArrayView<float> g, ArrayView<float> v, ArrayView<float> a, ArrayView<float> b, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], gradient = n.Decay * weight + n.Scale * g[i];
            float square = n.Old * v[i] + n.New * gradient * gradient;
            v[i] = square;
            if (n.IsCentered != 0)
            {
                float average = n.Old * a[i] + n.New * gradient;
                a[i] = average;
                square = ScalarFunctions.Max(0f, square - average * average); // rounding can take that of a constant gradient below 0
            }

            float step = gradient / (MathF.Sqrt(square) + n.Epsilon);
            if (n.HasVelocities != 0)
            {
                step = n.Momentum * b[i] + step;
                b[i] = step;
            }

            w[i] = weight - n.Rate * step;
        }
    }

    [GpuKernel]
    public static void Adagrad(RmsPropNumbers n, ArrayView<float> w, ArrayView<float> g, ArrayView<float> v, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], gradient = n.Decay * weight + n.Scale * g[i], sum = gradient * gradient + v[i];
            v[i] = sum;
            w[i] = weight - n.Rate * (gradient / (MathF.Sqrt(sum) + n.Epsilon));
        }
    }

    [GpuKernel]
    public static void Adadelta(RmsPropNumbers n, ArrayView<float> w, ArrayView<float> g, ArrayView<float> v, ArrayView<float> a, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float weight = w[i], updates = a[i], gradient = n.Decay * weight + n.Scale * g[i];
            float square = n.Old * v[i] + n.New * gradient * gradient;
            v[i] = square;
            float step = gradient * MathF.Sqrt((updates + n.Epsilon) / (square + n.Epsilon));
            a[i] = n.Old * updates + n.New * step * step;
            w[i] = weight - n.Rate * step;
        }
    }
}
