namespace Backprop.ML;

/// <summary>What is done with rows that have a missing feature: NaN, or infinite.</summary>
public enum MissingValueHandling
{
    /// <summary>They are left out of the training, with a warning in the log; the model scores such a row NaN.</summary>
    Drop,

    /// <summary>
    /// The mean of the feature over the training rows stands in for the missing value, in training and, saved with the model, when it
    /// scores. A feature that is missing in all training rows is 0, and so is a category that the network embeds, which has no mean: 0 is the missing one. Of tokens, where the network begins with an Embedding, the padding stands in; one without padding is refused.
    /// </summary>
    MeanImputation,
}
