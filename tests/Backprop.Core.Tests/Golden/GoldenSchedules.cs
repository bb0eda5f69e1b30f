namespace Backprop.Tests;

/// <summary>Runs the golden cases of learning-rate schedules and of gradient clipping.</summary>
internal static class GoldenSchedules
{
    /// <summary>The learning rate of every step. The files count in steps.</summary>
    public static GoldenRun Schedule(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        int steps = (int)c.Number("steps");
        double baseRate = c.Number("base_lr");
        ScheduleState schedule = Create(c, baseRate).For(c.Find("total_steps") is { } total ? total.GetInt64() : steps, stepsPerEpoch: 1);
        double[] rates = new double[steps], momenta = new double[steps];
        for (int step = 0; step < steps; step++)
        {
            rates[step] = baseRate * schedule.FactorAt(step);
            momenta[step] = schedule.MomentumAt(step) ?? double.NaN;
            if (c.Inputs.TryGetValue("metric", out GoldenTensor? metric))
                schedule.EndEpoch(metric.Data[step]);
        }

        run.Outputs["lr"] = rates;
        run.Outputs["momentum"] = momenta;
        return run;
    }

    /// <summary>All gradients of the case, clipped together.</summary>
    public static GoldenRun Clip(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Parameter[] parameters = [.. c.Inputs.Select(input => new Parameter(input.Key, ParameterKind.Weight, input.Value.Shape, device))];
        foreach (Parameter parameter in parameters)
            parameter.SetGradient(c.Inputs[parameter.Name].Floats);
        GradientClipping clipping = c.Op == "clip_grad_value"
            ? GradientClipping.ByValue((float)c.Number("clip_value"))
            : GradientClipping.ByNorm((float)c.Number("max_norm"), c.Text("norm_type") == "inf" ? float.PositiveInfinity : float.Parse(c.Text("norm_type"), System.Globalization.CultureInfo.InvariantCulture));
        var collection = new ParameterCollection(parameters);
        double factor = clipping.Factor(collection, 1f, out double norm);
        Assert.Equal((float)norm, clipping.Apply(collection)); // which also applies the factor
        Assert.True(factor <= 1);
        run.Outputs["total_norm"] = [norm];
        foreach (Parameter parameter in parameters)
            run.Outputs[parameter.Name] = GoldenRun.Values(device, parameter.Storage.Gradient!, parameter.Shape.Length);
        return run;
    }

    private static LearningRateSchedule Create(GoldenCase c, double baseRate) => c.Op switch
    {
        "step" => new StepSchedule { Unit = ScheduleUnit.Step, StepSize = (int)c.Number("step_size"), Factor = c.Number("gamma") },
        "multi_step" => new MultiStepSchedule
        {
            Unit = ScheduleUnit.Step,
            Milestones = [.. c.Attributes["milestones"].EnumerateArray().Select(milestone => milestone.GetInt64())],
            Factor = c.Number("gamma"),
        },
        "exponential" => new ExponentialSchedule { Unit = ScheduleUnit.Step, Factor = c.Number("gamma") },
        "cosine" => new CosineSchedule { Length = (long)c.Number("T_max"), MinimumFactor = c.Number("eta_min") / baseRate },
        "cosine_warm_restarts" => new CosineRestartsSchedule
        {
            FirstPeriod = (long)c.Number("T_0"),
            PeriodFactor = (int)c.Number("T_mult"),
            MinimumFactor = c.Number("eta_min") / baseRate,
        },
        "one_cycle" => new OneCycleSchedule
        {
            WarmupFraction = c.Number("pct_start"),
            InitialDivisor = c.Number("div_factor"),
            FinalDivisor = c.Number("final_div_factor"),
            IsLinear = c.Text("anneal_strategy") == "linear",
            ThreePhases = c.Flag("three_phase"),
            MinimumMomentum = c.Number("base_momentum"),
            MaximumMomentum = c.Number("max_momentum"),
        },
        "linear_warmup" => new LinearWarmupSchedule { Length = (long)c.Number("total_iters"), StartFactor = c.Number("start_factor"), EndFactor = c.Number("end_factor") },
        "warmup_cosine" => new WarmupCosineSchedule { WarmupFraction = (float)(c.Number("warmup_steps") / c.Number("total_steps")) },
        "polynomial" => new PolynomialSchedule { Length = (long)c.Number("total_iters"), Power = c.Number("power") },
        "reduce_on_plateau" => new PlateauSchedule
        {
            Factor = c.Number("factor"),
            Patience = (int)c.Number("patience"),
            Threshold = c.Number("threshold"),
            ThresholdIsRelative = c.Text("threshold_mode") == "rel",
            HigherIsBetter = c.Text("mode") == "max",
            Cooldown = (int)c.Number("cooldown"),
            MinimumFactor = c.Number("min_lr") / baseRate,
        },
        _ => throw new NotSupportedException($"{c.Name}: schedule '{c.Op}'."),
    };
}
