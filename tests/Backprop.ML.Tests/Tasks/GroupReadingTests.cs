using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Where groups begin and end when rows are left out.</summary>
public sealed class GroupReadingTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData("1 1 2 2 3", "2 2 1", 0)]
    [InlineData("1 1- 1 2 2", "2 2", 0)] // a row that is left out does not end its own group
    [InlineData("1 1- 2 2", "1 2", 0)]
    [InlineData("1 1 2- 1 3", "2 1 1", 1)] // but another one
    [InlineData("1 1 0 1 3", "2 1 1", 1)]
    [InlineData("1- 1 2 1- 1", "1 1 1", 1)]
    public void A_row_that_is_left_out_ends_the_group_before_it(string rows, string sizes, int torn)
    {
        List<TaskRow> made = TaskRow.Rows(rows.Split(' ').Length);
        foreach ((TaskRow row, string text) in made.Zip(rows.Split(' ')))
        {
            uint key = uint.Parse(text.TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
            row.Group = key == 0 ? 1000 : key - 1; // as objects hold keys: from 0, and beyond the last for a missing one
            if (text.EndsWith('-'))
                row.Features[1] = float.NaN;
        }
        IHost host = ((IHostEnvironment)_ml).Register("test");
        var columns = new TrainingColumns(["Features"], "Relevance", LabelKind.Relevance, Group: "Group");
        var examples = new Examples(host, columns, TaskRow.View(_ml, made), "Training set");
        InMemoryData data = examples.Room(new DenseRows(TaskRow.FeatureCount));
        using ExampleCursor example = examples.Open(() => { });
        while (example.MoveNext())
            data.Add(example);
        Assert.Equal(sizes.Split(' ').Select(int.Parse), data.GroupSizes());
        Assert.Equal(torn, example.TornGroups);
    }
}
