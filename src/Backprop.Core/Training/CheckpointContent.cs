using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop.Training;

/// <summary>What a checkpoint holds besides tensors. A closed record: what is missing or unknown in a file is an error.</summary>
/// <param name="Options">The settings that decide the course of the run, by name.</param>
/// <param name="NumberOfEpochs">The epochs it was to have; a resumed run may have more where that changes nothing before.</param>
/// <param name="TrainingStep">The network's count of forward passes, on which random masks depend.</param>
/// <param name="Epoch">The running epoch, from 1.</param>
/// <param name="Batch">How many of its mini-batches are done.</param>
/// <param name="Step">How many steps were taken.</param>
/// <param name="LossSum">See <see cref="RunState.LossSum"/>.</param>
/// <param name="DivisorSum">See <see cref="RunState.DivisorSum"/>.</param>
/// <param name="StepDivisor">See <see cref="RunState.StepDivisor"/>.</param>
/// <param name="Rows">The epoch's rows so far.</param>
/// <param name="GradientNorms">The gradient norms of the epoch so far.</param>
/// <param name="LossScale">The scale of the loss; 1 where there is none.</param>
/// <param name="GoodSteps">See <see cref="LossScaler.GoodSteps"/>.</param>
/// <param name="Elapsed">How long the run had taken.</param>
/// <param name="EpochElapsed">How long the running epoch had taken.</param>
/// <param name="StopReason">Why the run was over, if it was.</param>
/// <param name="Optimizer">The numbers of the optimizer.</param>
/// <param name="Schedule">The numbers of the schedule.</param>
/// <param name="Best">What the kept weights are.</param>
/// <param name="Epochs">The history.</param>
internal sealed record CheckpointContent(
    Dictionary<string, string> Options, int NumberOfEpochs, long TrainingStep, int Epoch, int Batch, long Step, double LossSum, double DivisorSum,
    double StepDivisor, long Rows, GradientNorms GradientNorms, float LossScale, int GoodSteps, TimeSpan Elapsed, TimeSpan EpochElapsed, StopReason? StopReason, Dictionary<string, double> Optimizer,
    Dictionary<string, double> Schedule, KeptWeights Best, EpochResult[] Epochs)
{
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, CheckpointJson.Default.CheckpointContent);

    /// <exception cref="JsonException">The text is no such record.</exception>
    public static CheckpointContent FromJson(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, CheckpointJson.Default.CheckpointContent) ?? throw new JsonException("The state is null.");
}

/// <summary>What the kept weights of a checkpoint are.</summary>
/// <param name="Epoch">The epoch they come from.</param>
/// <param name="ImprovedEpoch">See <see cref="BestWeights.ImprovedEpoch"/>.</param>
/// <param name="Lowest">See <see cref="BestWeights.Lowest"/>.</param>
/// <param name="Reference">See <see cref="BestWeights.Reference"/>.</param>
/// <param name="AreThoseOfTheNetwork">Whether they are the network's own, so that the file holds them once.</param>
internal sealed record KeptWeights(int Epoch, int ImprovedEpoch, double Lowest, double Reference, bool AreThoseOfTheNetwork);

/// <summary>The JSON form, generated at compile time: no reflection, no type names.</summary>
[JsonSourceGenerationOptions(
    UseStringEnumConverter = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, MaxDepth = 16)]
[JsonSerializable(typeof(CheckpointContent))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
