namespace WebService.Models;

/// <summary>A model file that cannot be served. The message is for everyone's eyes: it says nothing of where files lie.</summary>
internal sealed class ModelRefusedException(string message, Exception? innerException = null) : Exception(message, innerException);
