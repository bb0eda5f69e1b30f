namespace WebService.Models;

/// <summary>A model file that cannot be served.</summary>
internal sealed class ModelRefusedException(string message, Exception? innerException = null) : Exception(message, innerException);
