using System.Diagnostics;

namespace WebServiceLoad;

/// <summary>Sends one kind of request over a number of connections, each with a thread of its own, and checks every answer.</summary>
internal sealed class Load
{
    private readonly ServiceProcess _service;
    private readonly string _name;
    private readonly int _batch, _connections;
    private readonly (byte[] Request, int[] Labels)[] _requests;

    public Load(ServiceProcess service, byte[][] images, int[] labels, Form form, int batch, int connections)
    {
        _service = service;
        _name = $"{form.ToString().ToLowerInvariant()}{(batch > 1 ? $" x {batch}" : "")}";
        _batch = batch;
        _connections = connections;
        _requests = [.. Enumerable.Range(0, Math.Max(1, images.Length / batch)).Select(i =>
            (Requests.Create(form, images[(i * batch)..((i + 1) * batch)], batch > 1, service.Port), labels[(i * batch)..((i + 1) * batch)]))];
    }

    /// <summary>Loads for a time: at a rate in requests a second, or, without one, every connection as fast as it is answered.</summary>
    public LoadResult Run(TimeSpan time, double? rate = null)
    {
        var workers = new Worker[_connections];
        TimeSpan processorTime = _service.ProcessorTime;
        long start = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 50, end = start + (long)(time.TotalSeconds * Stopwatch.Frequency);
        for (int i = 0; i < workers.Length; i++)
        {
            workers[i] = new Worker(this, i, rate is null ? 0 : Stopwatch.Frequency * _connections / rate.Value, start + (long)(rate is null ? 0 : Stopwatch.Frequency * i / rate.Value), end);
            workers[i].Thread.Start();
        }
        foreach (Worker worker in workers)
            worker.Thread.Join();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new LoadResult(_name, rate, _batch, seconds, workers.Sum(worker => worker.Done), workers.Sum(worker => worker.Errors),
            workers.Select(worker => worker.Error).FirstOrDefault(error => error is not null), Latencies.Sum(workers.Select(worker => worker.Latencies)),
            _service.ProcessorTime - processorTime, _service.Memory);
    }

    private sealed class Worker
    {
        private readonly Load _load;
        private readonly double _interval;
        private readonly long _first, _end;
        private int _next;

        public Worker(Load load, int index, double interval, long first, long end)
        {
            (_load, _interval, _first, _end) = (load, interval, first, end);
            _next = index * 37; // not all the same image at the same time
            Thread = new Thread(Run) { IsBackground = true };
        }

        public Thread Thread { get; }

        public long Done { get; private set; }

        public long Errors { get; private set; }

        public string? Error { get; private set; }

        public Latencies Latencies { get; } = new();

        private void Run()
        {
            Connection? connection = null;
            long answered = 0;
            for (long i = 0; ; i++)
            {
                long due = _interval == 0 ? 0 : _first + (long)(i * _interval), now = Stopwatch.GetTimestamp();
                while (now < due - Stopwatch.Frequency / 4000) // a quarter of a millisecond early is on time
                {
                    Thread.Sleep(1);
                    now = Stopwatch.GetTimestamp();
                }
                if (Math.Max(now, due) >= _end || now >= _end)
                    break;
                // Of a request that was due while its connection was still busy, the waiting counts. That the system woke this thread
                // late is no fault of the service.
                long start = due > 0 && answered > due ? due : now;
                (byte[] request, int[] labels) = _load._requests[_next++ % _load._requests.Length];
                try
                {
                    connection ??= new Connection(_load._service.Port);
                    connection.Exchange(request, labels);
                }
                catch (Exception e) when (e is System.Net.Sockets.SocketException or InvalidDataException)
                {
                    Errors++;
                    Error ??= e.Message;
                    connection?.Dispose();
                    connection = null;
                    Thread.Sleep(10);
                    continue;
                }
                answered = Stopwatch.GetTimestamp();
                Latencies.Add(answered - start);
                Done++;
            }
            connection?.Dispose();
        }
    }
}
