//! `optlab explain`: shows what the outputs of a trained run depend on.

mod asked;
mod examples;
mod written;

use crate::Error;
use crate::cli::evaluate::WhichArg;
use crate::cli::folder_arg::open_run;
use crate::cli::{Exit, output, warn_passed_over};
use asked::Asked;
use clap::Args;
use examples::Example;
use optlab_core::range::check_seed;
use optlab_explain::page::{Document, Explanation, ImportanceTable};
use optlab_explain::{MethodSpec, Question, data_set};
use optlab_train::data::Source;
use optlab_train::registry::{self, Part, RowSet, SavedRun};
use std::path::PathBuf;

/// The most background rows that are taken from the training part.
const MOST_BACKGROUND: usize = 500;
/// The most elements that a table lists.
const MOST_LISTED: usize = 10;

/// Arguments of `optlab explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// The inputs, as for `predict`; without them examples of the run's own data
    #[arg(value_name = "FILE", conflicts_with_all = ["part", "examples", "surest", "most_wrong", "global"])]
    files: Vec<PathBuf>,
    /// Method with its settings, such as occlusion:window=2; repeat it for several; `optlab list
    /// explanations` has them [default: integrated_gradients; kernel_shap where columns are categories]
    #[arg(long = "method", value_name = "SPEC")]
    methods: Vec<MethodSpec>,
    /// Class or target column to explain [default: the predicted class]
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    /// Explain the probability of the class instead of its logit
    #[arg(long)]
    probability: bool,
    /// Part of the data: train, validation or test
    #[arg(long, default_value = "test", value_name = "PART", value_parser = examples::part)]
    part: Part,
    /// Numbers of examples of the part, from 0, such as 0,5,10-12 [default: 0-2]
    #[arg(long, value_name = "LIST", value_parser = examples::numbers)]
    examples: Option<examples::Numbers>,
    /// Explain this many examples that the model is surest about; of numbers, the most accurate ones
    #[arg(long, value_name = "N")]
    surest: Option<usize>,
    /// Explain this many examples that the model is most wrong about
    #[arg(long, value_name = "N")]
    most_wrong: Option<usize>,
    /// Show the importance of each element over this many examples, evenly spaced in the part
    #[arg(long, value_name = "N")]
    global: Option<usize>,
    /// Write pictures, explanations.json and index.html to this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Backend to run on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Seed of methods that draw random numbers
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs `optlab explain`: a table for each input and method, and with `--output` pictures and a page.
///
/// # Errors
/// A run whose workload has no rows of numbers, a method that cannot explain its model, an example or a
/// class that does not exist, a damaged checkpoint, a file that cannot be read or written.
pub fn run(args: &ExplainArgs) -> Result<(), Exit> {
    check_seed("explain", "seed", args.seed)?;
    let (directory, trial) = open_run(&args.run_dir)?;
    if let Some(folder) = &args.output {
        written::check(folder)?;
    }
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    // Whether indices need a background is known with the model; then the data are read as well.
    let needs_data = args.files.is_empty()
        || args.methods.is_empty()
        || args.methods.iter().any(|method| method.needs_background(true));
    let workload = match needs_data {
        true => registry::open_version(&trial, &source)?,
        false => registry::open_trial(&trial)?,
    };
    let (which, backend) = (args.checkpoint.0, args.backend.clone());
    let run = SavedRun { which, backend, source, ..SavedRun::new(directory, trial) };
    let explainable = workload.explainable(&run, needs_data)?;
    warn_passed_over(&explainable.passed_over);
    let asked = Asked::new(&explainable.model, &explainable.device, args.probability)?;
    let methods = match args.methods.is_empty() {
        false => args.methods.clone(),
        true => vec![asked.default_method().parse()?],
    };
    let background = match &explainable.parts {
        Some([train, ..]) => {
            let count = train.len().min(MOST_BACKGROUND);
            train.rows(&evenly(train.len(), count))?.inputs
        }
        None => Vec::new(),
    };
    let question = Question::new(&asked.model, 0).with_background(&background).with_seed(args.seed);

    let mut document = Document {
        run: args.run_dir.display().to_string(),
        checkpoint: format!("{}, step {}", explainable.checkpoint.display(), explainable.step),
        seed: args.seed,
        elements: explainable.model.elements.iter().map(|element| element.name.clone()).collect(),
        explanations: Vec::new(),
        importance: Vec::new(),
    };
    let part = explainable.parts.as_ref().map(|parts| &*parts[args.part as usize]);
    if let (Some(count), Some(part)) = (args.global, part) {
        document.importance = importance(args, &asked, &question, &methods, part, count)?;
    }
    let is_global_alone = args.global.is_some()
        && args.examples.is_none()
        && args.surest.is_none()
        && args.most_wrong.is_none();
    if !is_global_alone {
        for example in chosen(args, &asked, part)? {
            document.explanations.extend(explain(args, &asked, &question, &methods, &example)?);
        }
    }
    match &args.output {
        None => output::print(written::text(&document)),
        Some(folder) => {
            output::show(written::text(&document));
            written::write(folder, &document)?;
            output::tell_where(&folder.join(written::PAGE));
        }
    }
    Ok(())
}

/// Returns the inputs to explain.
fn chosen(args: &ExplainArgs, asked: &Asked<'_>, part: Option<&dyn RowSet>) -> Result<Vec<Example>, Error> {
    if !args.files.is_empty() {
        return examples::of_files(asked, &args.files);
    }
    let Some(part) = part else { return Ok(Vec::new()) };
    let name = args.part.name();
    if part.is_empty() {
        return Err(Error::usage(format!("the {name} part of this run has no examples; try another --part")));
    }
    let mut chosen = Vec::new();
    if args.surest.is_some() || args.most_wrong.is_some() {
        let counts = [args.surest.unwrap_or(0), args.most_wrong.unwrap_or(0)];
        chosen = examples::surest_and_most_wrong(asked, part, name, counts)?;
    }
    if args.examples.is_some() || chosen.is_empty() {
        let default = (0..part.len().min(3)).collect();
        let numbers = args.examples.as_ref().map_or(default, |numbers| numbers.0.clone());
        chosen.extend(examples::of_numbers(part, name, &numbers)?);
    }
    Ok(chosen)
}

/// Explains an input by each method.
fn explain(
    args: &ExplainArgs,
    asked: &Asked<'_>,
    question: &Question<'_>,
    methods: &[MethodSpec],
    example: &Example,
) -> Result<Vec<Explanation>, Error> {
    let answers = asked.answers(&example.row)?;
    let output = asked.output(args.of.as_deref(), &answers)?;
    let question = Question { output, ..*question };
    let of_method = |method: &MethodSpec| {
        let attribution = method.explain(&question, &example.row)?;
        let content = written::picture(asked, method, &example.row, &attribution.values, &question)?;
        Ok(Explanation {
            example: example.name.clone(),
            prediction: asked.prediction(&answers),
            truth: example.target.as_ref().map(|target| asked.truth(target)),
            method: method.to_string(),
            target: asked.name_of(output),
            completeness_gap: attribution.completeness_gap(),
            largest: asked.largest(&example.row, &attribution.values, MOST_LISTED),
            attribution,
            picture: None,
            content,
        })
    };
    methods.iter().map(of_method).collect()
}

/// Returns the importance of the elements by each method.
fn importance(
    args: &ExplainArgs,
    asked: &Asked<'_>,
    question: &Question<'_>,
    methods: &[MethodSpec],
    part: &dyn RowSet,
    count: usize,
) -> Result<Vec<ImportanceTable>, Error> {
    if count == 0 || part.is_empty() {
        let allowed = "at least 1, of a part that has examples";
        return Err(Error::invalid("explain", "global", allowed, count));
    }
    let rows = part.rows(&evenly(part.len(), count.min(part.len())))?.inputs;
    let answers = asked.answers(&rows)?;
    let outputs =
        answers.chunks(asked.rows.outputs.len()).map(|answers| asked.output(args.of.as_deref(), answers));
    let outputs = outputs.collect::<Result<Vec<usize>, Error>>()?;
    let target = match &args.of {
        Some(_) => asked.name_of(outputs[0]),
        None => asked.name_of_predicted(),
    };
    let of_method = |method: &MethodSpec| {
        let importance = data_set::importance(method, question, &rows, |i| outputs[i])?;
        Ok(ImportanceTable {
            method: method.to_string(),
            target: target.clone(),
            examples: importance.examples,
            content: written::picture_of_importance(asked, &importance)?,
            rows: asked.ranked(&importance, MOST_LISTED),
            picture: None,
        })
    };
    methods.iter().map(of_method).collect()
}

/// Returns `count` of the numbers below `len`, evenly spaced.
fn evenly(len: usize, count: usize) -> Vec<usize> {
    (0..count).map(|i| i * len / count).collect()
}
