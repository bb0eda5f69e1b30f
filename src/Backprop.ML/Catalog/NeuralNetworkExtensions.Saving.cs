using Backprop.Training;

namespace Microsoft.ML;

public static partial class NeuralNetworkExtensions
{
    /// <summary>
    /// Saves a model like <c>Model.Save</c>, but so that the file is the old one or the new one at any moment, never half of one: for a
    /// file that another process reads, or that must survive a failure. It works with every transformer.
    /// </summary>
    /// <remarks>
    /// The model is written to a file beside it (path.tmp-…) and forced to the disk, which then takes its place in one step. If anything fails the old file is
    /// as it was and the one beside it is gone. Who has the old one open reads it to its end; on Windows, where a file that is open
    /// cannot be replaced unless it was opened with <see cref="FileShare.Delete"/>, saving fails instead. On Unix the new file has the rights
    /// (mode) of the old one; a symbolic link at the path is replaced, and what it led to stays as it is.
    /// </remarks>
    /// <param name="catalog">The model operations of the context, <c>mlContext.Model</c>.</param>
    /// <param name="model">The model.</param>
    /// <param name="inputSchema">The schema of its input, which is saved along; null to save none.</param>
    /// <param name="filePath">The file, in a folder that exists.</param>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be written: the folder is missing (<see cref="DirectoryNotFoundException"/>), the folder may not be written to, the path is that of a folder, or the disk is full.</exception>
    public static void SaveAtomic(this ModelOperationsCatalog catalog, ITransformer model, DataViewSchema? inputSchema, string filePath)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        AtomicFile.Write(filePath, stream => catalog.Save(model, inputSchema, stream));
    }
}
