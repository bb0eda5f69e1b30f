using Backprop.ML.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>A prediction engine that threads share by mistake throws rather than answer wrongly.</summary>
public sealed class ConcurrentUseTests
{
    private const int RowCount = 64;

    private readonly MLContext _ml = new(seed: 1);
    private readonly List<Sample> _rows = Samples.Rows(RowCount);
    private readonly IDataView _data;

    public ConcurrentUseTests() => _data = Samples.View(_ml, 300);

    [Fact]
    public void Threads_that_share_an_engine_get_right_answers_or_the_error()
    {
        ITransformer model = _ml.Transforms.CopyColumns("Copied", "Features")                              // a transform in front, which has state of its own
            .Append(_ml.Transforms.Concatenate("Joined", "Copied", "Sparse"))
            .Append(_ml.MulticlassClassification.Trainers.NeuralNetwork("Class", "Joined", numberOfEpochs: 3)).Fit(_data);
        (uint Label, int[] Bits)[] expected = [.. Expected(model)];
        int answers = 0, errors = 0, found = 0;
        for (int round = 0; round < 10 || (found == 0 && round < 100); round++) // threads that never run at once cannot collide: then more rounds
        {
            using PredictionEngine<Sample, Prediction> engine = Engine(model);
            using var start = new Barrier(2);
            var turn = new object();
            Exception?[] ends = new Exception?[2];
            int wrong = 0;
            Thread[] threads = [.. Enumerable.Range(0, 2).Select(number => new Thread(() => ends[number] = Record.Exception(() =>
            {
                var prediction = new Prediction();
                lock (turn)
                    engine.Predict(_rows[number], ref prediction);                                          // one after the other they may
                start.SignalAndWait();
                for (int i = number; i < 20_000; i++)
                {
                    engine.Predict(_rows[i % RowCount], ref prediction);
                    bool isRight = prediction.PredictedLabel == expected[i % RowCount].Label && expected[i % RowCount].Bits.SequenceEqual(prediction.Score.Select(BitConverter.SingleToInt32Bits));
                    Interlocked.Increment(ref isRight ? ref answers : ref wrong);
                }
            })))];
            foreach (Thread thread in threads)
                thread.Start();
            foreach (Thread thread in threads)
                thread.Join();
            foreach (Exception e in ends.OfType<Exception>())
            {
                Assert.IsType<InvalidOperationException>(e);
                Assert.StartsWith("Two threads used this prediction engine", e.Message);
                errors++;
            }
            // Two moves in the same nanoseconds that count as one: the first to ask is answered, and the second makes it known.
            Assert.True(wrong == 0 || (wrong == 1 && ends.Any(end => end is not null)), $"{wrong} wrong answers");
            if (ends.Any(end => end?.Message.Contains("can no longer be trusted", StringComparison.Ordinal) == true))
            {
                found++;
                Assert.Throws<InvalidOperationException>(() => engine.Predict(_rows[0]));                   // it has lost its trust for good
            }
            using PredictionEngine<Sample, Prediction> fresh = Engine(model);
            Assert.Equal(expected[0].Label, fresh.Predict(_rows[0]).PredictedLabel);                         // the model has not
        }
        Assert.True(answers > 0);
        Assert.True(errors > 0);
        Assert.True(found > 0);
    }

    [Fact]
    public void An_engine_may_pass_from_thread_to_thread()
    {
        ITransformer model = _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 3)
            .Append(_ml.Transforms.Conversion.MapKeyToValue("Name", "PredictedLabel")).Fit(_data);
        (uint Label, int[] Bits)[] expected = [.. Expected(model)];
        using PredictionEngine<Sample, Prediction> engine = Engine(model);
        Parallel.For(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            Prediction prediction;
            lock (engine)
                prediction = engine.Predict(_rows[i % RowCount]);
            Assert.Equal(expected[i % RowCount].Label, prediction.PredictedLabel);
            Assert.Equal(expected[i % RowCount].Bits, prediction.Score.Select(BitConverter.SingleToInt32Bits));
        });
    }

    [Fact]
    public void A_prediction_that_fails_does_not_count_as_shared_use()
    {
        ITransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1).Fit(_data);
        using PredictionEngine<Sample, NumberPrediction> engine = _ml.Model.CreatePredictionEngine<Sample, NumberPrediction>(model);
        float expected = engine.Predict(_rows[0]).Score;
        for (int i = 0; i < 10; i++)
        {
            OnAnotherThread(() => Assert.DoesNotContain("Two threads", Assert.ThrowsAny<Exception>(() => engine.Predict(new Sample { Features = [1] })).Message));
            Assert.ThrowsAny<Exception>(() => engine.Predict(null!));
            OnAnotherThread(() => Assert.Equal(expected, engine.Predict(_rows[0]).Score));
        }
    }

    // What two threads can do to each other, step by step, without waiting for it to happen.
    [Fact]
    public void A_value_asked_for_while_another_is_made_is_refused_and_so_is_the_other()
    {
        var row = new Row();
        var use = new RowUse(row, _ml);
        Exception? intruder = null;
        ValueGetter<int> second = use.Watch((ref int value) => value = 2, 1);
        ValueGetter<int> first = use.Watch((ref int value) =>
        {
            OnAnotherThread(() => intruder = Record.Exception(() => Get(second)));
            value = 1;
        }, 0);
        row.MoveTo(0);
        Refused(() => Get(first));
        Assert.IsType<InvalidOperationException>(intruder);
    }

    [Fact]
    public void A_row_that_moves_while_a_value_is_made_is_refused()
    {
        var row = new Row();
        ValueGetter<int> get = new RowUse(row, _ml).Watch((ref int value) => row.MoveTo(1), 0);
        row.MoveTo(0);
        Refused(() => Get(get));
    }

    [Fact]
    public void A_second_thread_that_asks_for_the_same_row_is_refused()
    {
        (Row row, ValueGetter<int> label, ValueGetter<int> score) = Watched();
        row.MoveTo(0);
        Get(label);
        OnAnotherThread(() => Refused(() => Get(score)));
        Refused(() => Get(score));
    }

    [Fact]
    public void A_row_that_moved_back_is_refused_once_several_threads_have_come_by()
    {
        foreach (int next in new[] { 1, 0 })
        {
            (Row row, ValueGetter<int> label, _) = Watched();
            for (int i = 0; i < 3; i++)
            {
                row.MoveTo(i);
                OnAnotherThread(() => Get(label));
            }
            row.MoveTo(next);
            Refused(() => Get(label));
        }
    }

    [Fact]
    public void A_row_beyond_the_next_is_refused_alone_once_several_threads_have_come_by()
    {
        foreach (bool isAnother in new[] { false, true })
        {
            (Row row, ValueGetter<int> label, ValueGetter<int> score) = Watched();
            for (int i = 0; i < 3; i++)
            {
                row.MoveTo(i);
                OnAnotherThread(() => Get(label));
            }
            row.MoveTo(4);
            Refused(() => Get(label));
            if (isAnother)
            {
                OnAnotherThread(() => Refused(() => Get(score)));                                           // there it is, the second thread
                row.MoveTo(5);
                Refused(() => Get(label));
            }
            else
            {
                row.MoveTo(5);                                                                              // the transform in front had failed, no more
                Get(label);
                Get(score);
            }
        }
    }

    [Fact]
    public void A_row_that_is_entered_in_the_middle_is_refused_once_several_threads_have_come_by()
    {
        (Row row, ValueGetter<int> label, ValueGetter<int> score) = Watched();
        for (int i = 0; i < 3; i++)
        {
            row.MoveTo(i);
            OnAnotherThread(() => { Get(label); Get(score); });
        }
        row.MoveTo(3);
        Get(label);
        row.MoveTo(4);                                                                                      // another thread, between two values
        Refused(() => Get(score));
    }

    [Fact]
    public void One_thread_may_skip_rows_and_ask_in_any_order()
    {
        (Row row, ValueGetter<int> label, ValueGetter<int> score) = Watched();
        foreach (int position in new[] { 0, 1, 5, 6, 100 })
        {
            row.MoveTo(position);
            Get(position % 2 == 0 ? label : score);
            Get(label);
            Get(score);
        }
    }

    private static void Get(ValueGetter<int> get)
    {
        int value = 0;
        get(ref value);
    }

    private static void Refused(Action action) => Assert.StartsWith("Two threads used", Assert.Throws<InvalidOperationException>(action).Message);

    private static void OnAnotherThread(Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(action));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }

    private (Row Row, ValueGetter<int> Label, ValueGetter<int> Score) Watched()
    {
        var row = new Row();
        var use = new RowUse(row, _ml);
        return (row, use.Watch((ref int value) => value = 1, 0), use.Watch((ref int value) => value = 2, 1));
    }

    private PredictionEngine<Sample, Prediction> Engine(ITransformer model) =>
        _ml.Model.CreatePredictionEngine<Sample, Prediction>(model, new PredictionEngineOptions { OwnsTransformer = false });

    private IEnumerable<(uint Label, int[] Bits)> Expected(ITransformer model)
    {
        using PredictionEngine<Sample, Prediction> engine = Engine(model);
        foreach (Sample row in _rows)
        {
            Prediction prediction = engine.Predict(row);
            yield return (prediction.PredictedLabel, [.. prediction.Score.Select(BitConverter.SingleToInt32Bits)]);
        }
    }

    private sealed class Prediction
    {
        public uint PredictedLabel { get; set; }

        public float[] Score { get; set; } = [];
    }

    private sealed class NumberPrediction
    {
        public float Score { get; set; }
    }

    private sealed class Row : DataViewRow
    {
        private long _position = -1;

        public override DataViewSchema Schema { get; } = new DataViewSchema.Builder().ToSchema();

        public override long Position => _position;

        public override long Batch => 0;

        public void MoveTo(long position) => _position = position;

        public override bool IsColumnActive(DataViewSchema.Column column) => false;

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => throw new NotSupportedException();

        public override ValueGetter<DataViewRowId> GetIdGetter() => throw new NotSupportedException();
    }
}
