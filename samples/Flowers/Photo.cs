namespace Flowers;

/// <summary>A row of the data: a file, and which flower it shows.</summary>
internal sealed class Photo
{
    /// <summary>The path of the JPEG file.</summary>
    public string Path { get; set; } = "";

    /// <summary>The name of the folder that the file is in.</summary>
    public string Flower { get; set; } = "";

    /// <summary>All photos in the folders of a folder, always in the same order.</summary>
    /// <exception cref="IOException">The folder is missing or has none.</exception>
    public static Photo[] In(string folder)
    {
        Photo[] photos = [.. new DirectoryInfo(folder).EnumerateDirectories().SelectMany(flower => flower.EnumerateFiles("*.jpg"))
            .OrderBy(file => file.FullName, StringComparer.Ordinal).Select(file => new Photo { Path = file.FullName, Flower = file.Directory!.Name })];
        return photos.Length > 0 ? photos : throw new IOException($"'{System.IO.Path.GetFullPath(folder)}' has no folders with .jpg files in them.");
    }
}
