using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Backprop.Tests;

/// <summary>Reads PTX as far as its checks need.</summary>
internal static partial class PtxText
{
    private const int MostSharedBytes = 48 * 1024;

    /// <summary>Checks that a group's memory is no more than every device has, and lies where instructions of 128 bits may read it.</summary>
    public static void CheckSharedMemory(string text)
    {
        Match[] arrays = SharedArray().Matches(text).ToArray();
        Assert.InRange(arrays.Sum(array => int.Parse(array.Groups[2].Value, CultureInfo.InvariantCulture)), 0, 40 << 10);
        if (text.Contains(".shared.v4.", StringComparison.Ordinal))
            Assert.All(arrays, array => Assert.Equal("16", array.Groups[1].Value));
    }

    /// <summary>
    /// Checks what ILGPU does not check in the text it was given: every statement ends, every bracket closes, every label is
    /// there; and of shared memory, that there is no more than a group gets unasked, and that vectors can be aligned in it.
    /// </summary>
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
            bool isStatement = line[0] != '.' || Declaration().IsMatch(line); // other directives, .loc for one, end with the line
            if (isInBody && isStatement && line[^1] is not (':' or '{' or '}' or ',' or '('))
                Assert.True(line.EndsWith(';'), $"A statement does not end: {line}");
        }

        Assert.Equal(0, depth);
        var labels = Label().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        Assert.All(Branch().Matches(text), match => Assert.Contains(match.Groups[1].Value, labels));

        Match[] arrays = SharedArray().Matches(text).ToArray();
        Assert.Equal(Regex.Count(text, @"^\s*\.shared\b", RegexOptions.Multiline), arrays.Length);
        Assert.InRange(arrays.Sum(array => int.Parse(array.Groups[2].Value, CultureInfo.InvariantCulture)), 0, MostSharedBytes);
        if (text.Contains(".shared.v4", StringComparison.Ordinal))
            Assert.All(arrays, array => Assert.Equal(0, int.Parse(array.Groups[1].Value, CultureInfo.InvariantCulture) % 16));
    }

    /// <summary>
    /// The statements of every loop: of what lies on a way from a label to a branch back to it. What stands between them in
    /// the text but is left the loop for is none of it.
    /// </summary>
    public static IReadOnlyList<string> Loops(string text)
    {
        List<StringBuilder> blocks = [new()];
        Dictionary<string, int> labels = [];
        foreach (string line in text.Split('\n'))
        {
            if (Label().Match(line) is { Success: true } label)
            {
                blocks.Add(new StringBuilder());
                labels[label.Groups[1].Value] = blocks.Count - 1;
            }

            blocks[^1].Append(line).Append('\n');
            if (Branch().IsMatch(line))
                blocks.Add(new StringBuilder());
        }

        string[] texts = [.. blocks.Select(block => block.ToString())];
        HashSet<int>[] next = [.. texts.Select((block, i) => Word().Matches(Label().Replace(block, "")).Where(word => labels.ContainsKey(word.Value)).Select(word => labels[word.Value]).ToHashSet())];
        for (int i = 0; i + 1 < texts.Length; i++)
            if (!End().IsMatch(texts[i]))
                next[i].Add(i + 1);
        HashSet<int>[] previous = [.. texts.Select((_, i) => Enumerable.Range(0, texts.Length).Where(from => next[from].Contains(i)).ToHashSet())];

        List<string> loops = [];
        for (int last = 0; last < texts.Length; last++)
            foreach (int first in next[last].Where(first => first <= last))
            {
                HashSet<int> body = Reachable(next, first, -1);
                body.IntersectWith([.. Reachable(previous, last, first), first]);
                if (body.Contains(last))
                    loops.Add(string.Concat(body.Order().Select(block => texts[block])));
            }

        return loops;
    }

    /// <summary>What can be reached from a block without going beyond another one.</summary>
    private static HashSet<int> Reachable(HashSet<int>[] edges, int from, int limit)
    {
        HashSet<int> reached = [from];
        Stack<int> open = new([from]);
        while (open.TryPop(out int block))
        {
            if (block == limit)
                continue;
            foreach (int other in edges[block])
                if (reached.Add(other))
                    open.Push(other);
        }

        return reached;
    }

    [GeneratedRegex(@"^\.(reg|shared|local|param|const|global)\b")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\s*\.shared \.align (\d+) \.b8 \w+\[(\d+)\];", RegexOptions.Multiline)]
    private static partial Regex SharedArray();

    [GeneratedRegex(@"//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\s*([\w$]+):", RegexOptions.Multiline)]
    private static partial Regex Label();

    [GeneratedRegex(@"\bbra(?:\.uni)?\s+([\w$]+)\s*;")]
    private static partial Regex Branch();

    [GeneratedRegex(@"[\w$]+")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*(bra(\.uni)?|brx[\w.]*|ret|exit)\b[^\n]*;\s*\z", RegexOptions.Multiline)]
    private static partial Regex End();
}
