namespace Backprop;

/// <summary>A value of a row that is a category: a whole number from 1 to Categories, or 0 where it is missing.</summary>
/// <param name="Column">Which value of the row, counted from 0.</param>
/// <param name="Categories">How many there are, at least 1. The table has one row more: row 0 stands for what is missing or not known.</param>
/// <param name="Dimension">How many values a category becomes, at least 1.</param>
public sealed record EmbeddedColumn(int Column, int Categories, int Dimension)
{
    /// <summary>A dimension that suits a number of categories: min(50, 1.6·n^0.56), rounded, the rule of the fast.ai library.</summary>
    /// <param name="categories">The number of categories.</param>
    public static int DimensionFor(int categories) => Math.Clamp((int)Math.Round(1.6 * Math.Pow(categories, 0.56)), 1, 50);
}
