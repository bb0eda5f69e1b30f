// A web service that reads handwritten digits. `dotnet run -c Release` and open http://localhost:5080.
using WebService;

try
{
    await using WebApplication app = DigitService.Build(args);
    await app.RunAsync();
    return 0;
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message); // an option that cannot be
    return 2;
}
