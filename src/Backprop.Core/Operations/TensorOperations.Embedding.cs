namespace Backprop;

// The operations go on here: rows of tables.
public static partial class TensorOperations
{
    /// <summary>The rows of a table that indices name: y[..., :] = table[index, :]. The gradient of a row is the sum of those of all places it went to.</summary>
    /// <param name="indices">Any shape; whole numbers from 0 to the table's rows − 1. NaN gives a row of NaN.</param>
    /// <param name="table">Shape [rows, dimension].</param>
    /// <param name="paddingIndex">A row that gets no gradient, such as that of the token that fills short sequences up; none when null.</param>
    /// <returns>The shape of the indices with the dimension behind it.</returns>
    /// <exception cref="ShapeException">The table is no matrix, or the indices have too many axes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not that of a row; the message says which.</exception>
    public static Tensor Embedding(this Tensor indices, Tensor table, int? paddingIndex = null) =>
        Operations.Embedding.Apply(indices, table, paddingIndex, Operations.Embedding.Instance.Name);
}
