namespace Backprop.Devices;

/// <summary>
/// Names one sequence of random numbers: the same key gives the same numbers on every device, at any thread count
/// and after a resume. Element i of the sequence is lane i mod 4 of Philox4x32-10 with the counter
/// (i/4, Step low, Step high, Stream) and the key (Seed low, Seed high).
/// </summary>
/// <param name="Seed">The seed of the run.</param>
/// <param name="Stream">Who draws: a layer, the shuffler, an initializer.</param>
/// <param name="Step">When: the number of the training step or of the epoch.</param>
internal readonly record struct RandomKey(ulong Seed, uint Stream, ulong Step);
