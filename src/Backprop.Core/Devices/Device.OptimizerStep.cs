using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

/// <content>The optimizer steps: one pass over parameters w, their gradients g and what the optimizer keeps.</content>
public abstract partial class Device
{
    /// <summary>One SGD step. There are velocities when there is momentum.</summary>
    internal abstract void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length);

    /// <summary>One Adam, AdamW or AMSGrad step.</summary>
    internal abstract void AdamStep(
        in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments,
        MemoryBlock? maximumSecondMoments, int length);

    /// <summary>One step of NAdam or RAdam.</summary>
    internal abstract void MomentsStep(
        in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length);

    /// <summary>One RMSprop step. Averages of the gradient are kept when it is centered, velocities when there is momentum.</summary>
    internal abstract void RmsPropStep(
        in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages,
        MemoryBlock? velocities, int length);

    /// <summary>One Adagrad step.</summary>
    internal abstract void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length);

    /// <summary>One Adadelta step.</summary>
    internal abstract void AdadeltaStep(
        in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length);

    /// <summary>Scales each column of a matrix [rows, columns] whose Euclidean norm is above the maximum to that norm; leaves the others alone.</summary>
    internal abstract void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns);
}
