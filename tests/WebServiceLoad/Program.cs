// Loads the web service over loopback: how many predictions a second it makes, how long they take at half of that, whether any fails,
// and whether its memory stays as it is. Client and service share the machine, so the figures are those of half of it, more or less.
using System.Diagnostics;
using System.Globalization;
using WebServiceLoad;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Arguments arguments;
try
{
    arguments = Arguments.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"{e.Message} See --help.");
    return 2;
}
if (arguments.IsHelp)
{
    Console.WriteLine(Arguments.Help);
    return 0;
}

using ServiceProcess service = await ServiceProcess.StartAsync(arguments.Model);
byte[][] images = [.. MnistImages.Test(Path.Combine(AppContext.BaseDirectory, "data")).Take(256).Select(image => image.Pixels.Select(pixel => (byte)MathF.Round(255 * pixel)).ToArray())];
int[] labels = await service.LabelsAsync(images);
Console.WriteLine($"{Environment.ProcessorCount} processors, shared by service and client; {arguments.Connections} connections.\n");
return arguments.SoakSeconds is { } seconds ? await SoakAsync(seconds) : Table();

int Table()
{
    LoadResult.WriteHeader();
    long errors = 0;
    var most = new Dictionary<Form, double>();
    foreach (int batch in new[] { 1, 64 })
    {
        foreach (Form form in Enum.GetValues<Form>())
        {
            Load load = new(service, images, labels, form, batch, arguments.Connections);
            load.Run(TimeSpan.FromSeconds(batch == 1 ? 6 : 2)); // until everything is compiled at its best, which takes seconds
            LoadResult result = load.Run(TimeSpan.FromSeconds(arguments.Seconds));
            result.Write();
            errors += result.Errors;
            if (batch == 1)
                most[form] = result.RequestsPerSecond;
        }
    }
    foreach ((Form form, double rate) in most)
    {
        LoadResult result = new Load(service, images, labels, form, 1, arguments.Connections).Run(TimeSpan.FromSeconds(arguments.Seconds), rate / 2);
        result.Write();
        errors += result.Errors;
    }
    Console.WriteLine("\nclosed: every connection sends as soon as it has its answer. A rate: requests are sent at fixed times, whatever the answers do;");
    Console.WriteLine("the time counts from when the request was due, if its connection was still waiting for an answer then.");
    return errors == 0 ? 0 : 1;
}

async Task<int> SoakAsync(int seconds)
{
    LoadResult.WriteHeader();
    var load = new Load(service, images, labels, arguments.Form, arguments.Batch, arguments.Connections);
    load.Run(TimeSpan.FromSeconds(3));
    LoadResult most = load.Run(TimeSpan.FromSeconds(Math.Min(10, seconds)));
    most.Write();
    double rate = arguments.Rate ?? most.RequestsPerSecond / 2;

    const int Parts = 30; // a line each
    long errors = most.Errors;
    var all = new LoadResult[Parts];
    long firstMemory = 0;
    (_, int collections) = await service.CollectorAsync();
    for (int part = 0; part < Parts; part++)
    {
        all[part] = load.Run(TimeSpan.FromSeconds((double)seconds / Parts), rate);
        all[part].Write();
        errors += all[part].Errors;
        if (part == Parts / 10)
            firstMemory = all[part].ServiceMemory;
    }
    LoadResult whole = LoadResult.Sum(all);
    (long heap, int collectionsAfter) = await service.CollectorAsync();
    Console.WriteLine();
    LoadResult.WriteHeader();
    whole.Write();
    Console.WriteLine($"\n{whole.Requests:N0} requests, {errors} errors. Service memory: {firstMemory / 1048576.0:0.0} MiB after a tenth of the time, {whole.ServiceMemory / 1048576.0:0.0} MiB in the end; of which managed heap {heap / 1048576.0:0.0} MiB. Its collector ran {collectionsAfter - collections} times.");
    return errors == 0 ? 0 : 1;
}
