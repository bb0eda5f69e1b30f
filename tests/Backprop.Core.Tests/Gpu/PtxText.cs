using System.Text.RegularExpressions;

namespace Backprop.Tests;

/// <summary>Reads PTX as far as its checks need.</summary>
internal static partial class PtxText
{
    /// <summary>Checks what ILGPU does not check in the text it was given: every statement ends, every bracket closes, every label is there.</summary>
    public static void Check(string text)
    {
        int depth = 0;
        foreach (string raw in text.Split('\n'))
        {
            string line = Comment().Replace(raw, "").Trim();
            if (line.Length == 0)
                continue;
            depth += line.Count(c => c == '{') - line.Count(c => c == '}');
            bool isInBody = depth > 0 && line is not "{" and not "}";
            if (isInBody && line[0] != '.' && line[^1] is not (':' or '{' or '}' or ',' or '('))
                Assert.True(line.EndsWith(';'), $"A statement does not end: {line}");
        }

        Assert.Equal(0, depth);
        var labels = Label().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        Assert.All(Branch().Matches(text), match => Assert.Contains(match.Groups[1].Value, labels));
    }

    /// <summary>The text of every loop: from a label to a branch back to it.</summary>
    public static IReadOnlyList<string> Loops(string text)
    {
        Dictionary<string, int> labels = [];
        foreach (Match match in Label().Matches(text))
            labels[match.Groups[1].Value] = match.Index;
        return [.. Branch().Matches(text).Where(branch => labels.TryGetValue(branch.Groups[1].Value, out int start) && start < branch.Index).Select(branch => text[labels[branch.Groups[1].Value]..branch.Index])];
    }

    [GeneratedRegex(@"//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\s*([\w$]+):", RegexOptions.Multiline)]
    private static partial Regex Label();

    [GeneratedRegex(@"\bbra(?:\.uni)?\s+([\w$]+)\s*;")]
    private static partial Regex Branch();
}
