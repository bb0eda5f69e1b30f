using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The optimizer steps: every array is read and written once, so they run at the speed of memory.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length)
    {
        if (velocities is null)
            ForEachElement(new SgdKernel(arguments, Pointer(parameters), Pointer(gradients)), length);
        else if (arguments.Nesterov)
            ForEachElement(new SgdMomentumKernel<True>(arguments, Pointer(parameters), Pointer(gradients), Pointer(velocities)), length);
        else
            ForEachElement(new SgdMomentumKernel<False>(arguments, Pointer(parameters), Pointer(gradients), Pointer(velocities)), length);
    }

    internal override void AdamStep(
        in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments,
        MemoryBlock? maximumSecondMoments, int length)
    {
        float* w = Pointer(parameters), g = Pointer(gradients), m = Pointer(firstMoments), v = Pointer(secondMoments);
        if (maximumSecondMoments is null)
            ForEachElement(new AdamKernel<False>(arguments, w, g, m, v, null), length);
        else
            ForEachElement(new AdamKernel<True>(arguments, w, g, m, v, Pointer(maximumSecondMoments)), length);
    }

    internal override void RmsPropStep(
        in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages,
        MemoryBlock? velocities, int length)
    {
        float* w = Pointer(parameters), g = Pointer(gradients), v = Pointer(squareAverages);
        float* a = averages is null ? null : Pointer(averages), b = velocities is null ? null : Pointer(velocities);
        if (a == null && b == null)
            ForEachElement(new RmsPropKernel<False, False>(arguments, w, g, v, a, b), length);
        else if (a == null)
            ForEachElement(new RmsPropKernel<False, True>(arguments, w, g, v, a, b), length);
        else if (b == null)
            ForEachElement(new RmsPropKernel<True, False>(arguments, w, g, v, a, b), length);
        else
            ForEachElement(new RmsPropKernel<True, True>(arguments, w, g, v, a, b), length);
    }

    internal override void MomentsStep(
        in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length) =>
        ForEachElement(new MomentsStepKernel(arguments, Pointer(parameters), Pointer(gradients), Pointer(firstMoments), Pointer(secondMoments)), length);

    internal override void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length) =>
        ForEachElement(new AdagradKernel(arguments, Pointer(parameters), Pointer(gradients), Pointer(squareSums)), length);

    internal override void AdadeltaStep(
        in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length) =>
        ForEachElement(new AdadeltaKernel(arguments, Pointer(parameters), Pointer(gradients), Pointer(squareAverages), Pointer(squareUpdates)), length);

    /// <summary>A choice that is known when the kernel is compiled.</summary>
    private interface IFlag
    {
        public static abstract bool IsSet { get; }
    }

    private readonly struct True : IFlag
    {
        public static bool IsSet => true;
    }

    private readonly struct False : IFlag
    {
        public static bool IsSet => false;
    }

    private readonly struct SgdKernel(in SgdArguments arguments, float* w, float* g) : IElementwiseKernel
    {
        private readonly float _scale = arguments.GradientScale, _decay = arguments.WeightDecay, _rate = arguments.LearningRate;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_decay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));
            TLanes.Store(TSimd.Fma(TSimd.Create(-_rate), gradient, weight), w + i, count);
        }
    }

    private readonly struct SgdMomentumKernel<TNesterov>(in SgdArguments arguments, float* w, float* g, float* v) : IElementwiseKernel
        where TNesterov : IFlag
    {
        private readonly float _scale = arguments.GradientScale, _decay = arguments.WeightDecay, _rate = arguments.LearningRate;
        private readonly float _momentum = arguments.Momentum, _undamped = 1f - arguments.Dampening;
        private readonly bool _firstStep = arguments.FirstStep;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_decay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));

            // On the first step the velocities hold anything, NaN perhaps: they must not be read.
            TSimd velocity = _firstStep
                ? gradient
                : TSimd.Fma(TSimd.Create(_momentum), TLanes.Load<TSimd>(v + i, count), TSimd.Create(_undamped) * gradient);
            TLanes.Store(velocity, v + i, count);
            TSimd direction = TNesterov.IsSet ? TSimd.Fma(TSimd.Create(_momentum), velocity, gradient) : velocity;
            TLanes.Store(TSimd.Fma(TSimd.Create(-_rate), direction, weight), w + i, count);
        }
    }

    private readonly struct AdamKernel<TMaximum>(in AdamArguments arguments, float* w, float* g, float* m, float* v, float* maximum)
        : IElementwiseKernel
        where TMaximum : IFlag
    {
        private readonly float _scale = arguments.GradientScale;

        // The two kinds of weight decay, one of them switched off by its neutral number.
        private readonly float _addedDecay = arguments.DecoupledWeightDecay ? 0f : arguments.WeightDecay;
        private readonly float _shrink = arguments.DecoupledWeightDecay ? (float)(1.0 - (double)arguments.LearningRate * arguments.WeightDecay) : 1f;

        private readonly float _beta1 = (float)arguments.Beta1, _newShare1 = (float)(1.0 - arguments.Beta1);
        private readonly float _beta2 = (float)arguments.Beta2, _newShare2 = (float)(1.0 - arguments.Beta2);

        // η(m/c₁)/(√(v/c₂) + ε) = (η/c₁)m/(√v/√c₂ + ε): the corrections cost no division per element.
        private readonly float _rate = (float)(arguments.LearningRate / arguments.BiasCorrection1);
        private readonly float _rootFactor = (float)(1.0 / Math.Sqrt(arguments.BiasCorrection2));
        private readonly float _epsilon = arguments.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_addedDecay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));

            TSimd first = TSimd.Fma(TSimd.Create(_beta1), TLanes.Load<TSimd>(m + i, count), TSimd.Create(_newShare1) * gradient);
            TLanes.Store(first, m + i, count);
            TSimd second = TSimd.Fma(
                TSimd.Create(_beta2), TLanes.Load<TSimd>(v + i, count), TSimd.Create(_newShare2) * gradient * gradient);
            TLanes.Store(second, v + i, count);
            if (TMaximum.IsSet)
            {
                second = TSimd.Max(TLanes.Load<TSimd>(maximum + i, count), second);
                TLanes.Store(second, maximum + i, count);
            }

            TSimd denominator = TSimd.Fma(TSimd.Sqrt(second), TSimd.Create(_rootFactor), TSimd.Create(_epsilon));
            TSimd step = TSimd.Create(_rate) * first / denominator;
            TLanes.Store(TSimd.Fma(TSimd.Create(_shrink), weight, -step), w + i, count);
        }
    }

    private readonly struct RmsPropKernel<TCentered, TMomentum>(in RmsPropArguments arguments, float* w, float* g, float* v, float* a, float* b)
        : IElementwiseKernel
        where TCentered : IFlag
        where TMomentum : IFlag
    {
        private readonly float _scale = arguments.GradientScale, _decay = arguments.WeightDecay, _rate = arguments.LearningRate;
        private readonly float _old = (float)arguments.Decay, _new = (float)(1.0 - arguments.Decay);
        private readonly float _momentum = arguments.Momentum, _epsilon = arguments.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_decay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));
            TSimd square = TSimd.Fma(TSimd.Create(_old), TLanes.Load<TSimd>(v + i, count), TSimd.Create(_new) * gradient * gradient);
            TLanes.Store(square, v + i, count);
            if (TCentered.IsSet)
            {
                TSimd average = TSimd.Fma(TSimd.Create(_old), TLanes.Load<TSimd>(a + i, count), TSimd.Create(_new) * gradient);
                TLanes.Store(average, a + i, count);

                // Rounding can take the variance of a constant gradient below zero. The order lets NaN pass.
                square = TSimd.Max(TSimd.Zero, TSimd.Fma(-average, average, square));
            }

            TSimd step = gradient / (TSimd.Sqrt(square) + TSimd.Create(_epsilon));
            if (TMomentum.IsSet)
            {
                step = TSimd.Fma(TSimd.Create(_momentum), TLanes.Load<TSimd>(b + i, count), step);
                TLanes.Store(step, b + i, count);
            }

            TLanes.Store(TSimd.Fma(TSimd.Create(-_rate), step, weight), w + i, count);
        }
    }

    private readonly struct MomentsStepKernel(in MomentsArguments arguments, float* w, float* g, float* m, float* v) : IElementwiseKernel
    {
        private readonly float _scale = arguments.GradientScale;
        private readonly float _addedDecay = arguments.DecoupledWeightDecay ? 0f : arguments.WeightDecay;
        private readonly float _shrink = arguments.DecoupledWeightDecay ? (float)(1.0 - (double)arguments.LearningRate * arguments.WeightDecay) : 1f;
        private readonly float _beta1 = (float)arguments.Beta1, _newShare1 = (float)(1.0 - arguments.Beta1);
        private readonly float _beta2 = (float)arguments.Beta2, _newShare2 = (float)(1.0 - arguments.Beta2);
        private readonly float _gradientRate = (float)(arguments.LearningRate * arguments.GradientShare);
        private readonly float _momentRate = (float)(arguments.LearningRate * arguments.MomentShare);
        private readonly float _rootFactor = (float)arguments.RootFactor, _epsilon = arguments.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_addedDecay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));
            TSimd first = TSimd.Fma(TSimd.Create(_beta1), TLanes.Load<TSimd>(m + i, count), TSimd.Create(_newShare1) * gradient);
            TLanes.Store(first, m + i, count);
            TSimd second = TSimd.Fma(
                TSimd.Create(_beta2), TLanes.Load<TSimd>(v + i, count), TSimd.Create(_newShare2) * gradient * gradient);
            TLanes.Store(second, v + i, count);
            TSimd direction = TSimd.Fma(TSimd.Create(_gradientRate), gradient, TSimd.Create(_momentRate) * first);
            TSimd denominator = TSimd.Fma(TSimd.Sqrt(second), TSimd.Create(_rootFactor), TSimd.Create(_epsilon));
            TLanes.Store(TSimd.Fma(TSimd.Create(_shrink), weight, -(direction / denominator)), w + i, count);
        }
    }

    private readonly struct AdagradKernel(in AdagradArguments arguments, float* w, float* g, float* v) : IElementwiseKernel
    {
        private readonly float _scale = arguments.GradientScale, _decay = arguments.WeightDecay, _rate = arguments.LearningRate;
        private readonly float _epsilon = arguments.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count);
            TSimd gradient = TSimd.Fma(TSimd.Create(_decay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));
            TSimd sum = TSimd.Fma(gradient, gradient, TLanes.Load<TSimd>(v + i, count));
            TLanes.Store(sum, v + i, count);
            TSimd step = gradient / (TSimd.Sqrt(sum) + TSimd.Create(_epsilon));
            TLanes.Store(TSimd.Fma(TSimd.Create(-_rate), step, weight), w + i, count);
        }
    }

    private readonly struct AdadeltaKernel(in AdadeltaArguments arguments, float* w, float* g, float* v, float* a) : IElementwiseKernel
    {
        private readonly float _scale = arguments.GradientScale, _decay = arguments.WeightDecay, _rate = arguments.LearningRate;
        private readonly float _old = (float)arguments.Decay, _new = (float)(1.0 - arguments.Decay), _epsilon = arguments.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd weight = TLanes.Load<TSimd>(w + i, count), epsilon = TSimd.Create(_epsilon), fresh = TSimd.Create(_new), old = TSimd.Create(_old);
            TSimd gradient = TSimd.Fma(TSimd.Create(_decay), weight, TSimd.Create(_scale) * TLanes.Load<TSimd>(g + i, count));
            TSimd square = TSimd.Fma(old, TLanes.Load<TSimd>(v + i, count), fresh * gradient * gradient);
            TLanes.Store(square, v + i, count);
            TSimd updates = TLanes.Load<TSimd>(a + i, count);
            TSimd step = gradient * TSimd.Sqrt((updates + epsilon) / (square + epsilon));
            TLanes.Store(TSimd.Fma(old, updates, fresh * step * step), a + i, count);
            TLanes.Store(TSimd.Fma(TSimd.Create(-_rate), step, weight), w + i, count);
        }
    }
}
