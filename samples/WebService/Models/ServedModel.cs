using System.Numerics.Tensors;
using System.Security.Cryptography;
using Backprop;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace WebService.Models;

/// <summary>
/// A model with its prediction engines. It counts its users: when a newer model has taken its place and the last request has left it,
/// the engines are disposed of.
/// </summary>
internal sealed class ServedModel
{
    private readonly ITransformer _transformer;
    private int _users = 1; // the host is the first

    private ServedModel(ITransformer transformer, BoundedPool<DigitReader> readers, string version, DateTimeOffset written)
    {
        _transformer = transformer;
        Readers = readers;
        Version = version;
        Written = written;
    }

    public BoundedPool<DigitReader> Readers { get; }

    /// <summary>The first 12 digits of the SHA-256 of the model file: the same file has the same version on every machine.</summary>
    public string Version { get; }

    /// <summary>When the file was written.</summary>
    public DateTimeOffset Written { get; }

    public DateTimeOffset Loaded { get; } = DateTimeOffset.UtcNow;

    /// <summary>Whether the engines were disposed of.</summary>
    public bool IsRetired { get; private set; }

    public static string VersionOf(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file))[..12];

    /// <summary>Loads a model and tries it out.</summary>
    /// <exception cref="ModelRefusedException">It is damaged, or not a model that reads digits.</exception>
    public static ServedModel Load(byte[] file, DateTimeOffset written, int engines)
    {
        ITransformer? transformer = null;
        BoundedPool<DigitReader>? readers = null;
        try
        {
            var ml = new MLContext();
            transformer = ml.Model.Load(new MemoryStream(file, writable: false), out _);
            // The transformer is shared, so no engine may dispose of it.
            var options = new PredictionEngineOptions { OwnsTransformer = false };
            ITransformer model = transformer;
            readers = new BoundedPool<DigitReader>(() => new DigitReader(ml.Model.CreatePredictionEngine<DigitImage, DigitScores>(model, options)), engines);
            CheckClasses(transformer.GetOutputSchema(InputSchema(ml)));
            TryOut(readers);
            return new ServedModel(transformer, readers, VersionOf(file), written);
        }
        // A file from outside can fail in any way at all, from a bad archive to another pipeline's missing column; each means the same here.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            readers?.Dispose();
            (transformer as IDisposable)?.Dispose();
            throw e as ModelRefusedException ?? new ModelRefusedException(Reason(e), e);
        }
    }

    /// <summary>Enters as a user; false if the last one has left already.</summary>
    public bool TryEnter()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int found = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (found == users)
                return true;
            users = found;
        }
        return false;
    }

    /// <summary>Leaves it. The last user to leave disposes of the engines.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        Readers.Dispose();
        (_transformer as IDisposable)?.Dispose();
        IsRetired = true;
    }

    /// <summary>What everyone may know of it: other exceptions than our own name files and types of this machine, and go to the log.</summary>
    private static string Reason(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is InvalidModelException)
                return e.Message;
        }
        return "it is damaged, or no model that reads digits";
    }

    private static DataViewSchema InputSchema(MLContext ml) => ml.Data.LoadFromEnumerable(Array.Empty<DigitImage>()).Schema;

    /// <summary>Score[7] must be the probability of a 7; another model's classes may stand in any order.</summary>
    private static void CheckClasses(DataViewSchema schema)
    {
        const string LabelValues = "TrainingLabelValues"; // ML.NET's name for the values of the keys that the classes are
        DataViewSchema.Annotations annotations = schema[nameof(DigitScores.Score)].Annotations;
        VBuffer<uint> digits = default;
        if (annotations.Schema.GetColumnOrNull(LabelValues)?.Type is VectorDataViewType { ItemType: var item } && item.RawType == typeof(uint))
            annotations.GetValue(LabelValues, ref digits);
        if (!digits.DenseValues().SequenceEqual(Enumerable.Range(0, 10).Select(digit => (uint)digit)))
            throw new ModelRefusedException($"its classes are not the digits 0 to 9 in this order, but {(digits.Length > 0 ? string.Join(' ', digits.DenseValues()) : "something else")}");
    }

    /// <summary>A prediction of a blank image with every engine, so that the first request does not pay for what is done once.</summary>
    private static void TryOut(BoundedPool<DigitReader> readers)
    {
        var leases = new List<BoundedPool<DigitReader>.Lease>();
        try
        {
            for (int i = 0; i < readers.Limit; i++)
            {
                leases.Add(readers.RentAsync(TimeSpan.FromSeconds(1), CancellationToken.None).AsTask().GetAwaiter().GetResult());
                float[] probabilities = leases[i].Item.Read();
                if (probabilities.Length != 10 || !TensorPrimitives.IsFiniteAll<float>(probabilities))
                    throw new ModelRefusedException("it does not give ten probabilities for a blank image");
            }
        }
        finally
        {
            leases.ForEach(lease => lease.Dispose());
        }
    }
}
