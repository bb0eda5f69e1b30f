using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>One device for several threads, and what is left of one that is gone.</summary>
public class GpuConcurrencyTests
{
    private const int Rows = 24, Width = 6, Threads = 4;

    [Fact]
    public void PredictionsFromFourThreadsAtOnceAreThoseOfOne()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        Network network = Scorer(device, seed: 1);
        float[] inputs = Samples.Uniform(Rows * Width, 7), expected = new float[Rows];
        Scorer(Device.Cpu, seed: 1).Predict(inputs, expected);

        // The first use of every kernel included: all threads ask for them at once.
        float[][] outputs = new float[Threads][];
        InParallel(Threads, thread =>
        {
            float[] own = new float[Rows];
            for (int round = 0; round < 5; round++)
                network.Predict(inputs, own);
            outputs[thread] = own;
        });
        Assert.All(outputs[0].Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-5f));
        Assert.All(outputs, own => Assert.Equal(outputs[0], own));
    }

    [Fact]
    public void ATrainingAndPredictionsOnOneDeviceDoNotMeet()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        float[] inputs = Samples.Uniform(Rows * Width, 7), targets = Samples.Uniform(Rows, 8), expected = new float[Rows];
        Network predicting = Scorer(device, seed: 2);
        for (int row = 0; row < Rows; row++)
            predicting.Predict(inputs.AsSpan(row * Width, Width), expected.AsSpan(row, 1));
        float[] Train(int seed)
        {
            Network network = Scorer(device, seed);
            var options = new TrainingOptions { NumberOfEpochs = 6, BatchSize = 4, GradientClipping = GradientClipping.ByNorm(0.5f) };
            TrainingHistory history = new TrainingLoop(network, Loss.MeanSquaredError, options).Run(new MemoryBatchSource(inputs, [Width], targets, 1));
            return [.. history.Epochs.Select(epoch => epoch.TrainingLoss)];
        }

        // Two trainings, whose losses are single numbers, beside predictions of single numbers.
        float[][] alone = [Train(3), Train(4)], together = new float[2][];
        InParallel(Threads, thread =>
        {
            if (thread < 2)
            {
                together[thread] = Train(3 + thread);
                return;
            }

            float[] one = new float[1];
            for (int i = 0; i < 3 * Rows; i++)
            {
                predicting.Predict(inputs.AsSpan(i % Rows * Width, Width), one);
                Assert.Equal(expected[i % Rows], one[0]);
            }
        });
        Assert.Equal(alone, together);
    }

    [Fact]
    public void AnAnticipatedNumberIsGivenOnceAndToItsThreadOnly()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        MemoryBlock loss = device.Rent(1, ElementType.Float32);
        float[] value = new float[1];
        device.Fill(loss, 7f, 1);
        device.Anticipate([new Measurement(MeasurementKind.FirstElement, loss, 1)]);
        long before = device.Synchronizations;

        // To another thread the block is what is in it.
        InParallel(1, _ =>
        {
            float[] other = new float[1];
            device.Fill(loss, 8f, 1);
            device.Download(loss, other);
            Assert.Equal(8f, other[0]);
        });
        Assert.Equal(1, device.Synchronizations - before);
        device.Download(loss, value);
        Assert.Equal((7f, 1L), (value[0], device.Synchronizations - before));

        // Then the block goes back to the pool, and whoever has it next finds his own numbers there.
        device.Return(loss);
        Assert.Same(loss, device.Rent(1, ElementType.Float32));
        device.Fill(loss, 9f, 1);
        device.Download(loss, value);
        Assert.Equal(9f, value[0]);
    }

    [Fact]
    public void TheLargestMagnitudeIsNotTheNumberThatWasAnticipatedOfItsScratch()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        MemoryBlock x = device.Rent(100, ElementType.Float32), loss = device.Rent(1, ElementType.Float32);
        device.Fill(x, -5f, 100);
        device.Fill(loss, 7f, 1);
        device.Anticipate([new Measurement(MeasurementKind.FirstElement, loss, 1)]);
        device.Return(loss);
        Assert.Equal(5f, device.LargestMagnitude(x, 100));
        device.ForgetAnticipated();
    }

    [Fact]
    public void WhatADisposedDeviceHadLentComesBackWithoutHarm()
    {
        using var gpu = GpuAccelerator.Simulated();
        var device = new GpuDevice(gpu);
        MemoryBlock kept = device.Rent(100, ElementType.Float32);
        Forget(device);
        device.Dispose();
        Assert.True(device.Memory.BytesInUse > 0);
        device.Return(kept);
        GC.Collect();
        GC.WaitForPendingFinalizers(); // an exception there would end the process
        Assert.Equal((0, 0), (device.Memory.BytesInUse, device.Memory.BytesIdle));

        // Another device on the same accelerator goes on.
        using var next = new GpuDevice(gpu);
        MemoryBlock block = next.Rent(4, ElementType.Float32);
        float[] values = new float[4];
        next.Fill(block, 2f, 4);
        next.Download(block, values);
        Assert.All(values, value => Assert.Equal(2f, value));
    }

    [Fact]
    public void ANewDeviceGetsWhatAnotherOneKeepsIdle()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        MemoryBlock used = device.Rent(100, ElementType.Float32);
        device.Return(device.Rent(1000, ElementType.Float32));
        long inUse = device.Memory.BytesInUse;
        Assert.True(device.Memory.BytesIdle > 0);
        using var next = new GpuDevice(gpu);
        Assert.Equal((inUse, 0), (device.Memory.BytesInUse, device.Memory.BytesIdle));
        device.Return(used);
    }

    [Fact]
    public void ADeviceWhoseAcceleratorIsGoneIsDisposedOfWithoutHarm()
    {
        var gpu = GpuAccelerator.Simulated();
        var device = new GpuDevice(gpu);
        device.Return(device.Rent(100, ElementType.Float32));
        Forget(device);
        gpu.Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        device.Dispose();
    }

    [Fact]
    public void NoGridIsWiderThanDevicesAllow()
    {
        foreach (int columns in (int[])[4_000_000, 4_300_000, 8_300_000, 8_400_000])
        {
            foreach (bool hasTensorCores in (bool[])[false, true])
            {
                var product = new MatMulArguments(null!, null!, null!, 100, columns, 64) { FormatA = ElementType.BFloat16, FormatB = ElementType.BFloat16 };
                MatMulPlan plan = MatMulPlan.For(product, 132, hasTensorCores);
                Assert.True(plan.Form == MatMulForm.Plain || MatMulPlan.Tiles(plan.Form, 100, columns).Columns <= 65535, plan.ToString());
            }
        }
    }

    private static void Forget(GpuDevice device) => device.Rent(1000, ElementType.Float32);

    private static Network Scorer(Device device, int seed) => Network.Build(layers => layers.Dense(8).Tanh().Dense(1), [Width], seed: seed, device: device);

    private static void InParallel(int threads, Action<int> action)
    {
        using var start = new Barrier(threads);
        Exception?[] failures = new Exception?[threads];
        Thread[] running = [.. Enumerable.Range(0, threads).Select(thread => new Thread(() =>
        {
            try
            {
                start.SignalAndWait();
                action(thread);
            }
            catch (Exception exception)
            {
                failures[thread] = exception;
            }
        }))];
        foreach (Thread thread in running)
            thread.Start();
        foreach (Thread thread in running)
            thread.Join();
        Assert.All(failures, Assert.Null);
    }
}
