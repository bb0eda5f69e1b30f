using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains a neural network to rank the rows of a group.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.Ranking.Trainers.NeuralNetwork(...)</c>.</para>
/// <para>Input: features, a vector of Single of known size; label, the relevance, Single or a key (UInt32) whose first value means 0;
/// row group, a key (UInt32); perhaps weights, Single. Output: Score (Single): in a group the row with the highest is the best.</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Ranking |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>
/// Backpropagation with the listwise softmax loss (<see cref="ListwiseSoftmaxLoss"/>; ListNet, Cao et al. 2007): the chances of each row to
/// be the best of its group, by the scores, come close to those by the relevances. Relevances count exponentially, as they do in NDCG:
/// one step more is worth e times as much. Early stopping may watch the NDCG itself (<see cref="ValidationMetric.Ndcg"/>).
/// </para>
/// <para>
/// Neighbouring rows with the same key are a group, as for the built-in rankers: order the data by group. A mini-batch holds whole
/// groups, as many as have about <see cref="NeuralNetworkOptions.BatchSize"/> rows on average, and at least one, however large. Groups are
/// shuffled and held out as a whole, also where they do not fit into memory and pass by in buffers of whole groups.
/// </para>
/// </remarks>
public sealed class NeuralNetworkRankingTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkRankingTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkRankingTrainer), options, LabelKind.Relevance)
    {
    }

    private protected override ModelTask Task => ModelTask.Ranking;

    private protected override Loss LossFor(TrainingData training, float labelScale) => new ListwiseSoftmaxLoss();

    /// <summary>The settings of <see cref="NeuralNetworkRankingTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>The column with the groups, keys of UInt32; rows of a group stand next to each other. Default: "GroupId".</summary>
        public string RowGroupColumnName { get; set; } = "GroupId";

        internal override string? GroupColumnName => RowGroupColumnName;

        internal override void Check()
        {
            base.Check();
            CheckName(RowGroupColumnName, nameof(RowGroupColumnName));
            if (EarlyStopping?.Metric is { IsOfGroups: false } metric)
                throw Rejected(nameof(EarlyStopping), $"one that watches the {metric.Name}", "one that watches the loss (Metric = null) or ValidationMetric.Ndcg(k): a score alone, without its group, is neither right nor wrong");
        }
    }
}
