using Backprop.GpuCheck;

// Whether the engine computes rightly on a GPU of this machine, and how fast: README.md says how to read what it prints.
return CheckOptions.Parse(args) is not { } options ? CheckOptions.NotUnderstood
    : options.Role is { } role ? ChildRoles.Play(options, role)
    : CheckRun.Run(options);
