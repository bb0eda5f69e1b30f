// Neural networks and boosted trees on tables, both with their defaults: an ordinary ML.NET pipeline with one trainer or the other.
using Microsoft.ML;
using Tabular;

Arguments arguments;
try
{
    arguments = Arguments.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine(Arguments.Help);
    return 2;
}

if (arguments.IsHelp)
{
    Console.WriteLine(Arguments.Help);
    return 0;
}

if (arguments.IsTable)
{
    string table = OneLiners.Measure(arguments.Sets ?? TableSet.All, arguments.Seeds, arguments.DataDirectory, Console.WriteLine);
    if (arguments.Output is not null)
        File.WriteAllText(arguments.Output, table);
    return 0;
}

foreach (TableSet set in arguments.Sets ?? [TableSet.Named("adult"), TableSet.Named("california-housing")])
{
    Console.WriteLine($"{set.Name}: {(set.Task == TableTask.Regression ? "root mean squared error, R²" : set.Task == TableTask.Binary ? "accuracy, area under the ROC curve" : "micro and macro accuracy")} on the test rows");
    Show("neural network", Trainers.NeuralNetwork);
    Show("boosted trees (FastTree)", Trainers.FastTree);

    void Show(string name, Func<MLContext, TableTask, IEstimator<ITransformer>> trainer)
    {
        var ml = new MLContext(arguments.Seed);
        Judgement judgement = Judgement.Of(ml, set, arguments.DataDirectory, trainer(ml, set.Task));
        Console.WriteLine($"  {name,-26}{judgement.Score,10:0.####}{judgement.Second,10:0.0000}   fitted in {judgement.Seconds:0.0} s");
    }
}

return 0;
