using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>A model file is the old one or the new one, whatever happens on the way.</summary>
public sealed class SaveAtomicTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;
    private readonly string _folder = Directory.CreateTempSubdirectory("backprop").FullName;

    public SaveAtomicTests() => _data = Samples.View(_ml, 100);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string FilePath => Path.Combine(_folder, "model.zip");

    [Fact]
    public void The_file_is_what_MLNET_writes_and_takes_the_place_of_an_old_one()
    {
        ITransformer first = Fit(1), second = _ml.Transforms.CopyColumns("Copy", "Features").Append(_ml.Regression.Trainers.Sdca("Number", "Copy")).Fit(_data);
        _ml.Model.SaveAtomic(first, _data.Schema, FilePath);
        Assert.Equal(Samples.ScoreBits(first.Transform(_data)), Samples.ScoreBits(_ml.Model.Load(FilePath, out DataViewSchema schema).Transform(_data)));
        Assert.Equal(_data.Schema.Select(column => column.Name), schema.Select(column => column.Name));
        _ml.Model.SaveAtomic(second, null, FilePath); // any transformer, and no schema
        Assert.Equal(Samples.ScoreBits(second.Transform(_data)), Samples.ScoreBits(_ml.Model.Load(FilePath, out schema).Transform(_data)));
        Assert.Null(schema);
        OnlyTheFile();
    }

    [Fact]
    public void A_transformer_that_fails_while_it_is_saved_leaves_the_old_file()
    {
        _ml.Model.SaveAtomic(Fit(1), _data.Schema, FilePath);
        byte[] old = File.ReadAllBytes(FilePath);
        var failing = new TransformerChain<ITransformer>(Fit(2), new Unsaveable());
        Assert.ThrowsAny<Exception>(() => _ml.Model.SaveAtomic(failing, _data.Schema, FilePath));
        Assert.Equal(old, File.ReadAllBytes(FilePath));
        OnlyTheFile();

        // ML.NET's own way, for comparison: the old file is gone.
        Assert.ThrowsAny<Exception>(() => _ml.Model.Save(failing, _data.Schema, FilePath));
        Assert.NotEqual(old, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void A_place_that_cannot_be_written_to_is_an_error_that_leaves_nothing_behind()
    {
        ITransformer model = Fit(1);
        Assert.Throws<DirectoryNotFoundException>(() => _ml.Model.SaveAtomic(model, _data.Schema, Path.Combine(_folder, "missing", "model.zip")));
        string file = Path.Combine(_folder, "file"), folder = Path.Combine(_folder, "folder");
        File.WriteAllText(file, "text");
        Assert.ThrowsAny<IOException>(() => _ml.Model.SaveAtomic(model, _data.Schema, Path.Combine(file, "model.zip")));
        Directory.CreateDirectory(folder);
        Assert.ThrowsAny<IOException>(() => _ml.Model.SaveAtomic(model, _data.Schema, folder));
        Assert.Throws<ArgumentException>(() => _ml.Model.SaveAtomic(model, _data.Schema, ""));
        Assert.Throws<ArgumentNullException>(() => _ml.Model.SaveAtomic(model, _data.Schema, null!));
        Assert.Throws<ArgumentNullException>(() => _ml.Model.SaveAtomic(null!, _data.Schema, FilePath));
        Assert.Equal([file, folder], Directory.GetFileSystemEntries(_folder).Order());
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        Assert.Equal("text", File.ReadAllText(file));
    }

    [Fact]
    public void Without_the_right_to_write_the_old_file_stays()
    {
        if (OperatingSystem.IsWindows())
            return; // rights of folders are another matter there
        ITransformer model = Fit(1);
        _ml.Model.SaveAtomic(model, _data.Schema, FilePath);
        byte[] old = File.ReadAllBytes(FilePath);
        UnixFileMode mode = File.GetUnixFileMode(_folder);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            // The administrator may write everywhere: then the file is the new one.
            Exception? e = Record.Exception(() => _ml.Model.SaveAtomic(Fit(2), _data.Schema, FilePath));
            Assert.True(e is null or IOException, e?.ToString());
            Assert.Equal(e is not null, old.SequenceEqual(File.ReadAllBytes(FilePath)));
            OnlyTheFile();
        }
        finally
        {
            File.SetUnixFileMode(_folder, mode);
        }
        Assert.NotNull(_ml.Model.Load(FilePath, out _));
    }

    [Fact]
    public void The_new_file_has_the_rights_of_the_old_one_and_takes_the_place_of_a_link()
    {
        if (OperatingSystem.IsWindows())
            return; // files inherit the rights of their folder there, and links need a right of their own
        ITransformer one = Fit(1), two = Fit(2);
        _ml.Model.SaveAtomic(one, _data.Schema, FilePath);
        foreach (UnixFileMode mode in new[] { UnixFileMode.UserRead | UnixFileMode.UserWrite, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite })
        {
            File.SetUnixFileMode(FilePath, mode);
            _ml.Model.SaveAtomic(two, _data.Schema, FilePath);
            Assert.Equal(mode, File.GetUnixFileMode(FilePath));
        }
        string versioned = Path.Combine(_folder, "model-1.zip");
        File.Move(FilePath, versioned);
        File.CreateSymbolicLink(FilePath, versioned);
        byte[] old = File.ReadAllBytes(versioned);
        _ml.Model.SaveAtomic(one, _data.Schema, FilePath);
        Assert.Null(new FileInfo(FilePath).LinkTarget);
        Assert.Equal(old, File.ReadAllBytes(versioned));
    }

    // A stream that only takes bytes, as a response or a pipe: Model.Save needs no more.
    [Fact]
    public void Saving_needs_no_stream_that_seeks()
    {
        ITransformer model = Fit(1);
        using var bytes = new MemoryStream();
        using (var forward = new ForwardStream(bytes))
            _ml.Model.Save(model, _data.Schema, forward);
        Assert.Equal(Samples.ScoreBits(model.Transform(_data)), Samples.ScoreBits(_ml.Model.Load(new MemoryStream(bytes.ToArray()), out _).Transform(_data)));
    }

    // Wherever the disk is full, the old file is whole and nothing else is left. What is written first lies in a buffer, so the end fails as well.
    [Fact]
    public void A_disk_that_is_full_anywhere_leaves_the_old_file()
    {
        ITransformer model = Fit(1);
        _ml.Model.SaveAtomic(Fit(2), _data.Schema, FilePath);
        byte[] old = File.ReadAllBytes(FilePath);
        for (long room = 0; room < old.Length; room += 997)
        {
            IOException e = Assert.Throws<IOException>(() => Training.AtomicFile.Write(FilePath, stream => _ml.Model.Save(model, _data.Schema, new ForwardStream(stream, room))));
            Assert.Contains("No space", e.Message, StringComparison.Ordinal);
            Assert.Equal(old, File.ReadAllBytes(FilePath));
            OnlyTheFile();
        }
    }

    [Fact]
    public void Who_has_the_old_file_open_reads_it_to_its_end()
    {
        ITransformer model = Fit(1), other = Fit(2);
        _ml.Model.SaveAtomic(model, _data.Schema, FilePath);
        byte[] old = File.ReadAllBytes(FilePath), found = new byte[old.Length];
        using (var reader = new FileStream(FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        {
            reader.ReadExactly(found, 0, 100);
            _ml.Model.SaveAtomic(other, _data.Schema, FilePath);
            reader.ReadExactly(found, 100, old.Length - 100);
        }
        Assert.Equal(old, found);
        Assert.Equal(Samples.ScoreBits(other.Transform(_data)), Samples.ScoreBits(_ml.Model.Load(FilePath, out _).Transform(_data)));
    }

    [Fact]
    public void Loading_meanwhile_always_finds_a_whole_model()
    {
        ITransformer one = Fit(1), two = Fit(2);
        string[] expected = [string.Join(',', Samples.ScoreBits(one.Transform(_data))), string.Join(',', Samples.ScoreBits(two.Transform(_data)))];
        _ml.Model.SaveAtomic(one, _data.Schema, FilePath);
        bool isDone = false;
        Exception? failure = null;
        var saving = new Thread(() =>
        {
            failure = Record.Exception(() =>
            {
                for (int i = 0; i < 40; i++)
                    _ml.Model.SaveAtomic(i % 2 == 0 ? two : one, _data.Schema, FilePath);
            });
            Volatile.Write(ref isDone, true);
        });
        saving.Start();
        var ml = new MLContext();
        do
        {
            using var stream = new FileStream(FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Assert.Contains(string.Join(',', Samples.ScoreBits(ml.Model.Load(stream, out _).Transform(_data))), expected);
        }
        while (!Volatile.Read(ref isDone));
        saving.Join();
        Assert.Null(failure);
        OnlyTheFile();
    }

    private void OnlyTheFile() => Assert.Equal([FilePath], Directory.GetFileSystemEntries(_folder));

    private ITransformer Fit(int seed) => _ml.Regression.Trainers.NeuralNetwork(
        new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1, Seed = seed }).Fit(_data);

    /// <summary>A stream that is only written to, from its beginning to its end, until there is no room.</summary>
    private sealed class ForwardStream(Stream inner, long room = long.MaxValue) : Stream
    {
        private long _room = room;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            if ((_room -= count) < 0)
                throw new IOException("No space left on device");
            inner.Write(buffer, offset, count);
        }
    }

    private sealed class Unsaveable : ITransformer
    {
        public bool IsRowToRowMapper => false;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => inputSchema;

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => throw new NotSupportedException();

        public IDataView Transform(IDataView input) => input;

        void ICanSaveModel.Save(ModelSaveContext ctx) => throw new NotSupportedException("cannot be saved");
    }
}
