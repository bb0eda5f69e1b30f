using System.Globalization;
using System.IO.Compression;
using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>Models that earlier packages wrote, of every task in every format, answer as they did when they were written.</summary>
public sealed class StoredModelTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Data", "Models");

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder, "*.zip").Select(path => Path.GetFileNameWithoutExtension(path)!).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_stored_model_answers_as_it_did(string name)
    {
        var ml = new MLContext();
        string file = Path.Combine(Folder, name + ".zip");
        Assert.Equal(name.Split('-')[1][0] - '0', FormatOf(file));
        string[] expected = File.ReadAllLines(Path.Combine(Folder, name + ".txt")), found = FixtureRow.Answer(ml.Model.Load(file, out _), FixtureRow.Asked(ml));
        Assert.Equal(12, expected.Length);
        Assert.Equal(expected.Length, found.Length);
        for (int row = 0; row < expected.Length; row++)
        {
            double[] was = Numbers(expected[row]), now = Numbers(found[row]);
            Assert.Equal(was.Length, now.Length);
            for (int i = 0; i < was.Length; i++) // not to the bit: vectors of another width round in another way
                Assert.True(was[i].Equals(now[i]) || Math.Abs(was[i] - now[i]) <= 1e-5 * Math.Max(1, Math.Abs(was[i])), $"row {row}: {found[row]} instead of {expected[row]}");
        }
    }

    [Fact]
    public void Every_task_is_there_in_every_format()
    {
        string[] names = [.. Directory.GetFiles(Folder, "*.zip").Select(path => Path.GetFileNameWithoutExtension(path)!)];
        foreach (string task in new[] { "regression", "count", "binary", "multiclass", "outputs", "labels", "ranking" })
            Assert.Subset(names.ToHashSet(), new HashSet<string> { $"{task}-1", $"{task}-2", $"{task}-3", $"{task}-3-imputing", $"{task}-4" });
        Assert.Subset(names.ToHashSet(), new HashSet<string> { "anomaly-1", "anomaly-2" });
    }

    private static double[] Numbers(string line) => [.. line.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture))];

    private static int FormatOf(string path)
    {
        using ZipArchive zip = ZipFile.OpenRead(path);
        using Stream payload = zip.Entries.Single(entry => entry.Name == "NeuralNetwork").Open();
        var head = new byte[12];
        payload.ReadExactly(head);
        return BitConverter.ToInt32(head, 8);
    }
}
