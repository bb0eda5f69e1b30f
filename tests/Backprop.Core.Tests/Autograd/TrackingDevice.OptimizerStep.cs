using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <content>The optimizer steps, passed on.</content>
internal sealed partial class TrackingDevice
{
    internal override void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length) =>
        Inner.SgdStep(arguments, parameters, gradients, velocities, length);

    internal override void AdamStep(
        in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments,
        MemoryBlock? maximumSecondMoments, int length) =>
        Inner.AdamStep(arguments, parameters, gradients, firstMoments, secondMoments, maximumSecondMoments, length);

    internal override void RmsPropStep(
        in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages,
        MemoryBlock? velocities, int length) =>
        Inner.RmsPropStep(arguments, parameters, gradients, squareAverages, averages, velocities, length);

    internal override void MomentsStep(
        in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length) =>
        Inner.MomentsStep(arguments, parameters, gradients, firstMoments, secondMoments, length);

    internal override void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length) =>
        Inner.AdagradStep(arguments, parameters, gradients, squareSums, length);

    internal override void AdadeltaStep(
        in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length) =>
        Inner.AdadeltaStep(arguments, parameters, gradients, squareAverages, squareUpdates, length);

    internal override void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns) => Inner.LimitColumnNorms(maximum, x, rows, columns);
}
