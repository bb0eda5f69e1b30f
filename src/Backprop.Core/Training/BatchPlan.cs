namespace Backprop;

/// <summary>How a batch source cuts a pass into mini-batches.</summary>
/// <param name="Batches">The number of mini-batches of a pass.</param>
/// <param name="MostRows">The most rows that one may have: what there must be room for.</param>
/// <param name="FewestRows">The fewest rows that one may have.</param>
public readonly record struct BatchPlan(int Batches, int MostRows, int FewestRows);
