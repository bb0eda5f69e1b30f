using System.Globalization;

namespace Backprop;

/// <summary>What <see cref="GradientCheck.Run"/> found at the place where the two gradients differ most.</summary>
public sealed class GradientCheckResult
{
    internal GradientCheckResult(double largestError, int input, int element, double analytic, double numeric) =>
        (LargestError, Input, Element, Analytic, Numeric) = (largestError, input, element, analytic, numeric);

    /// <summary>|analytic − numeric| divided by what is allowed there, so 1 is the limit; infinity where a value is not a number.</summary>
    public double LargestError { get; }

    /// <summary>The position of the input in the list that was given.</summary>
    public int Input { get; }

    /// <summary>The row-major position of the element in that input.</summary>
    public int Element { get; }

    /// <summary>The derivative that backward computed there.</summary>
    public double Analytic { get; }

    /// <summary>The central difference there.</summary>
    public double Numeric { get; }

    /// <summary>Whether backward agrees with the differences everywhere, within the tolerances.</summary>
    public bool IsCorrect => LargestError <= 1;

    /// <summary>The largest error and where it is.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(IsCorrect ? "correct" : "wrong")}: largest error {LargestError:g3} of the tolerance, at element {Element} of input {Input}: backward gives {Analytic:g9}, the central difference {Numeric:g9}");
}
