using Backprop.ML.Data;

namespace Backprop.ML.Persistence;

/// <summary>The bytes of what an anomaly detector needs beside its network: threshold, error of reference, the count of the scales, the scales.</summary>
internal static class AnomalyFormat
{
    /// <summary>Writes them.</summary>
    public static void Write(BinaryWriter writer, AnomalyCalibration calibration)
    {
        writer.Write(calibration.Threshold);
        writer.Write(calibration.ReferenceError);
        writer.Write(calibration.Scale.Length);
        foreach (float scale in calibration.Scale)
            writer.Write(scale);
    }

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidModelException">A number is not one that training could give, or the count is beyond what is left.</exception>
    public static AnomalyCalibration Read(ref HeaderReader reader)
    {
        long offset = reader.Offset;
        float threshold = reader.Number<float>(), reference = reader.Number<float>();
        int count = reader.Number<int>();
        if (float.IsNaN(threshold) || !(reference > 0 && float.IsFinite(reference)))
            throw new InvalidModelException($"it claims the threshold {threshold} and the error of reference {reference}", offset);
        if (count < 0 || count > reader.Remaining / sizeof(float))
            throw new InvalidModelException($"it claims {count} scales, with {reader.Remaining} bytes left to hold them", offset);
        var scale = new float[count];
        for (int i = 0; i < count; i++)
        {
            scale[i] = reader.Number<float>();
            if (!float.IsFinite(scale[i]))
                throw new InvalidModelException($"scale {i} is {scale[i]}", offset);
        }
        return new AnomalyCalibration(scale, reference, threshold);
    }
}
