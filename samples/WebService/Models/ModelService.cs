using Backprop;
using Microsoft.Extensions.Options;
using Microsoft.ML;

namespace WebService.Models;

/// <summary>
/// Sees to it that there is a model: loads the file, or trains and saves one if there is none; then waits for a new file and puts it in
/// the old one's place. All of it beside the requests, which are served meanwhile.
/// </summary>
internal sealed class ModelService(ModelHost host, IOptions<DigitsOptions> options, ILogger<ModelService> logger) : BackgroundService
{
    private readonly DigitsOptions _options = options.Value;
    private readonly string _path = Path.GetFullPath(options.Value.ModelPath);

    public override void Dispose()
    {
        host.Replace(null);
        base.Dispose();
    }

    // On a thread of its own from the first line on: neither reading nor training a model is for the thread that starts the host.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.Factory.StartNew(() => RunAsync(stoppingToken), stoppingToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

    private async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            using var watch = new ModelFileWatch(_path, TimeSpan.FromSeconds(_options.PollSeconds), logger);
            if (ModelFileWatch.Look(_path) == default)
                TryTraining(stopping);
            FileStamp known = default;
            while (true)
            {
                FileStamp found = await watch.WaitForOtherThanAsync(known, stopping);
                if (Load())
                    known = found;
                else
                    await Task.Delay(TimeSpan.FromSeconds(_options.PollSeconds), stopping); // whoever has it locked may be done then
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The service ends.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.NoFolder(e.Message, e); // nothing will come of waiting
            host.SetWhyNot("unavailable", "There is no model, and no folder for one. The log of the service says more.");
        }
    }

    /// <summary>Trains; without data to learn from, or room to save, a model may still be put there later.</summary>
    private void TryTraining(CancellationToken stopping)
    {
        try
        {
            TrainAndSave(stopping);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            logger.NotTrained(_path, e.Message, e);
            string what = e is FileNotFoundException or DirectoryNotFoundException ? "a data file or folder is missing"
                : e is InvalidDataException ? "a data file is damaged" : "a file cannot be read or written";
            host.SetWhyNot("unavailable", $"There is no model, and none could be trained: {what}. The log of the service says more.");
        }
    }

    private void TrainAndSave(CancellationToken stopping)
    {
        logger.TrainingBegins(_path, _options.Network);
        host.SetWhyNot("training", "The network is being trained.");
        var progress = new Reports(report => host.SetWhyNot("training", $"The network is being trained: {report}."));
        (ITransformer model, DataViewSchema schema, float accuracy, TimeSpan time) = DigitTraining.Train(_options, progress, stopping);
        new MLContext().Model.SaveAtomic(model, schema, _path);
        logger.Trained(time.TotalSeconds, accuracy, _path);
        Device.Cpu.ReleaseIdleMemory(); // what the training needed is not needed to predict
    }

    /// <summary>Puts the model of the file in the old one's place, or refuses it; false if the file could not be read, which may pass.</summary>
    private bool Load()
    {
        try
        {
            byte[] file = File.ReadAllBytes(_path);
            ServedModel? current = host.Enter();
            bool isSame = current?.Version == ServedModel.VersionOf(file);
            current?.Leave();
            if (!isSame)
            {
                var model = ServedModel.Load(file, File.GetLastWriteTimeUtc(_path), _options.Engines ?? Environment.ProcessorCount);
                host.Replace(model);
                logger.Loaded(model.Version, _path);
            }
            host.Refused = null;
            return true;
        }
        catch (ModelRefusedException e)
        {
            Refuse(e.Message, e);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            const string Unreadable = "it cannot be read";
            if (host.Refused != Unreadable) // once, not at every look
                Refuse(Unreadable, e);
            return false;
        }
    }

    private void Refuse(string reason, Exception e)
    {
        logger.Refused(_path, reason, e);
        host.Refused = reason;
        host.SetWhyNot("unavailable", $"The model file was refused: {reason}");
    }

    /// <summary>Not .NET's Progress class, which calls back later and in any order.</summary>
    private sealed class Reports(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
