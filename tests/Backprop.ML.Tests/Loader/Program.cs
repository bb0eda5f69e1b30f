using Microsoft.ML;
using Microsoft.ML.Data;

// Loads a model and scores data in a process of its own. It references Backprop.ML, but names nothing of it and registers nothing:
// the model file alone must lead ML.NET to it. Arguments: model, data (.idv), file for the scores (raw Single values, all Score slots).
bool wasLoaded = AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "Backprop.ML");
var ml = new MLContext();
ITransformer model = ml.Model.Load(args[0], out _);
IDataView scored = model.Transform(ml.Data.LoadFromBinary(args[1]));
DataViewSchema.Column score = scored.Schema["Score"];
using FileStream output = File.Create(args[2]);
using var writer = new BinaryWriter(output);
using DataViewRowCursor cursor = scored.GetRowCursor([score]);
if (score.Type is VectorDataViewType)
{
    ValueGetter<VBuffer<float>> get = cursor.GetGetter<VBuffer<float>>(score);
    VBuffer<float> value = default;
    while (cursor.MoveNext())
    {
        get(ref value);
        foreach (float part in value.DenseValues())
            writer.Write(part);
    }
}
else
{
    ValueGetter<float> get = cursor.GetGetter<float>(score);
    float value = 0;
    while (cursor.MoveNext())
    {
        get(ref value);
        writer.Write(value);
    }
}
return wasLoaded ? 1 : 0;
