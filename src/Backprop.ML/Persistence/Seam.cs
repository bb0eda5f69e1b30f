using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

// The run-time half of the seam to ML.NET: the runtime knows the attribute by its name and lets this assembly use the internals of
// the two it names. The build-time half, and the list of what is used, stand in the folder build/.
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Core")]
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Data")]

namespace System.Runtime.CompilerServices
{
    [AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
    internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
    {
        public string AssemblyName { get; } = assemblyName;
    }
}

namespace Backprop.ML.Persistence
{
    /// <summary>What a trainer needs of ML.NET's internals, each under a name of its own.</summary>
    internal static class Seam
    {
        /// <summary>The environment (log, random numbers, cancellation) behind a catalog such as <c>mlContext.Regression</c>.</summary>
        public static IHostEnvironment EnvironmentOf(IInternalCatalog catalog) => catalog.Environment;

        /// <summary>The kinds of the columns without their sizes: what an estimator knows before it sees data.</summary>
        public static SchemaShape ShapeOf(DataViewSchema schema) => SchemaShape.Create(schema);

        /// <summary>Whether the program has called off everything that runs under this environment.</summary>
        public static bool IsCanceled(IHostEnvironment environment) => environment is ICancelable { IsCanceled: true };

        /// <summary>The trainer normalises and caches for itself, gives probabilities, and can look at a validation set.</summary>
        public static TrainerInfo TrainerInfo { get; } = new(normalization: false, calibration: false, caching: false, supportValid: true);
    }
}
