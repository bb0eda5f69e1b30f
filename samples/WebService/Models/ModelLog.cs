namespace WebService.Models;

/// <summary>What the service logs about its models.</summary>
internal static partial class ModelLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "There is no model file '{Path}': training a {Network} network")]
    public static partial void TrainingBegins(this ILogger logger, string path, string network);

    [LoggerMessage(Level = LogLevel.Information, Message = "Trained in {Seconds:0.0} s; accuracy on the test images {Accuracy:P2}; saved as '{Path}'")]
    public static partial void Trained(this ILogger logger, double seconds, float accuracy, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "Serving model {Version} from '{Path}'")]
    public static partial void Loaded(this ILogger logger, string version, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "The model file '{Path}' was refused and is not served: {Reason}")]
    public static partial void Refused(this ILogger logger, string path, string reason, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "There is no model and there will be none: {Reason}")]
    public static partial void NoFolder(this ILogger logger, string reason, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "There is no model and none could be trained: {Reason}; a model that is put at '{Path}' will be served")]
    public static partial void NotTrained(this ILogger logger, string path, string reason, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The system does not tell of changed files ({Reason}); the model file is looked at every {Seconds} s")]
    public static partial void WatchUnavailable(this ILogger logger, string reason, double seconds);
}
