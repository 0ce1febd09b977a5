//! Describes a problem: its columns, its parts, its model, and what may be wrong with it.

use crate::Error;
use crate::data::table::{ColumnSummary, Content, Table, Task};
use crate::data::{Examples, Preparation, Source};
use crate::objective::TargetKind;
use crate::problem::load::{self, Loaded};
use crate::problem::{Problem, ProblemData, SourceKind, TestPart};
use crate::workload::{Section, VALIDATION};

/// The largest ratio of class sizes that is not called imbalanced.
const BALANCED: usize = 10;

/// Returns the sections of a problem's description.
pub(super) fn sections(problem: &Problem, source: &Source) -> Result<Vec<Section>, Error> {
    let preparation = Preparation { validation: VALIDATION, ..Preparation::default() };
    let (table, loaded) =
        rayon::join(|| about_table(problem, source), || load::load(problem, source, &preparation));
    let (mut sections, mut warnings) = (Vec::new(), Vec::new());
    if let Some((columns, about)) = table? {
        sections.push(columns);
        warnings.extend(about);
    }
    let Loaded { train, validation, test, facts } = loaded?;
    let mut parts = Section::table("Parts", &["part", "examples"]);
    for (name, part) in [("training", &train), ("validation", &validation), ("test", &test)] {
        parts.rows.push(vec![name.into(), part.len().to_string()]);
    }
    sections.push(parts);
    sections.push(Section::sentences("Held out", [held_out(problem)]));
    let has_classes_of_its_own = !problem.data.source.is_table() && problem.data.source != SourceKind::Text;
    if has_classes_of_its_own && matches!(facts.targets, TargetKind::Classes(_)) {
        let mut classes = Section::table("Classes", &["class", "training", "test"]);
        let counts = load::class_counts(&train).into_iter().zip(load::class_counts(&test));
        classes.rows = (facts.names.iter().zip(counts))
            .map(|(name, (train, test))| vec![name.clone(), train.to_string(), test.to_string()])
            .collect();
        sections.push(classes);
        warnings.extend(imbalance(&train, &facts.names));
    }
    let outputs = problem.loss.outputs(facts.targets)?;
    let summary = problem.model.summary(&facts.shape, outputs)?;
    let mut model = Section::table("Model", &["layer", "output", "parameters", "FLOPs"]);
    for layer in &summary.layers {
        let output = layer.output.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
        model.rows.push(vec![
            layer.name.clone(),
            output,
            layer.parameters.to_string(),
            layer.flops.to_string(),
        ]);
    }
    sections.push(model);
    let batch = problem.batch_size as u64;
    let training = summary.weight_bytes * 4 + summary.activation_bytes * 2 * batch;
    sections.push(Section::sentences(
        "Sizes",
        [
            format!(
                "model `{}` reads {} and has {outputs} output{}",
                problem.model,
                facts.shape,
                if outputs == 1 { "" } else { "s" }
            ),
            format!(
                "{} trained parameters, {} FLOPs per example and forward pass",
                summary.parameters, summary.flops
            ),
            format!(
                "about {:.1} MiB for a training step of {batch} examples with Adam; {} epochs",
                (training as f64 / (1 << 20) as f64).max(0.1),
                problem.epochs
            ),
            format!(
                "loss {}, measures {}",
                problem.loss,
                problem.measures.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        ],
    ));
    if !warnings.is_empty() {
        sections.push(Section::sentences("Warnings", warnings));
    }
    Ok(sections)
}

/// Returns what may be wrong with a problem's data, without its columns, parts and model.
pub(super) fn warnings(problem: &Problem, source: &Source) -> Result<Vec<String>, Error> {
    if problem.data.source.is_table() {
        let table = load::read_table(&problem.data, &load::folder(problem, source))?;
        return about_data(&table, problem);
    }
    if problem.data.source != SourceKind::Images {
        return Ok(Vec::new());
    }
    let preparation = Preparation { validation: VALIDATION, ..Preparation::default() };
    let loaded = load::load(problem, source, &preparation)?;
    Ok(imbalance(&loaded.train, &loaded.facts.names).into_iter().collect())
}

/// Returns what was decided while reading a table, and what may be wrong with it.
fn about_data(table: &Table, problem: &Problem) -> Result<Vec<String>, Error> {
    let notes = table.notes().to_vec();
    let warnings = table.warnings(&problem.data.target, problem.task)?;
    // A column that reading ignores is told once.
    let is_told = |warning: &String| {
        let column = warning.split('`').nth(1).map(|name| format!("column `{name}`"));
        let ignored = "is ignored";
        let says = |note: &String| column.as_ref().is_some_and(|column| note.starts_with(column.as_str()));
        warning.ends_with(ignored) && notes.iter().any(|note| says(note) && note.contains(ignored))
    };
    let untold: Vec<String> = warnings.into_iter().filter(|warning| !is_told(warning)).collect();
    Ok([notes, untold].concat())
}

/// Returns a sentence about which examples are held out.
fn held_out(problem: &Problem) -> String {
    let data = &problem.data;
    let how = match (&data.time, &data.group, data.source) {
        (Some(time), ..) => format!("the rows with the latest `{time}`"),
        (None, Some(group), _) => format!("whole groups of rows with the same `{group}`"),
        (None, None, SourceKind::Text) => "the end of the text".into(),
        (None, None, SourceKind::Images) => {
            "examples drawn at random; for the test of each class its share".into()
        }
        (None, None, SourceKind::Csv | SourceKind::Parquet) if problem.task == Task::Classification => {
            "examples drawn at random, of each class its share".into()
        }
        (None, None, SourceKind::Csv | SourceKind::Parquet | SourceKind::Npz) => {
            "examples drawn at random".into()
        }
        (None, None, SourceKind::Set) => "the test part of the data set, and examples for validation".into(),
    };
    match &data.test {
        TestPart::File(file) => format!("for the test all of {file}; for validation {how}"),
        TestPart::Share(_) => how,
    }
}

/// Returns the columns of a problem's table and what may be wrong with it; `None` for other data.
fn about_table(problem: &Problem, source: &Source) -> Result<Option<(Section, Vec<String>)>, Error> {
    if !problem.data.source.is_table() {
        return Ok(None);
    }
    let table = load::read_table(&problem.data, &load::folder(problem, source))?;
    let (described, warnings) = rayon::join(|| table.describe(), || about_data(&table, problem));
    let mut columns = Section::table("Columns", &["column", "kind", "missing", "values", "examples"]);
    columns.rows = described.into_iter().map(|column| row(column, &problem.data)).collect();
    Ok(Some((columns, warnings?)))
}

fn row(column: ColumnSummary, data: &ProblemData) -> Vec<String> {
    let values = match column.content {
        Content::Numbers { smallest, largest, mean, distinct } => {
            format!("{} to {}, mean {}, {distinct} different", short(smallest), short(largest), short(mean))
        }
        Content::Dates { earliest, latest, distinct } => {
            format!("{earliest} to {latest}, {distinct} different")
        }
        Content::Texts { distinct } => format!("{distinct} different"),
        Content::Nothing => String::new(),
    };
    let is = |name: &Option<String>| name.as_ref() == Some(&column.name);
    let role = [
        (data.target.contains(&column.name), ", target"),
        (data.encode.exclude.contains(&column.name), ", excluded"),
        (is(&data.group), ", group"),
        (is(&data.time), ", time"),
    ];
    let role = role.iter().find(|(is_its, _)| *is_its).map_or("", |(_, role)| role);
    let kind = format!("{}{role}", column.kind);
    vec![column.name, kind, column.missing.to_string(), values, column.examples.join(", ")]
}

/// Returns a number with four significant digits.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&magnitude) {
        let digits = (3 - magnitude.max(1e-3).log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
    } else {
        format!("{value:.3e}")
    }
}

/// Returns a warning about classes of very different sizes.
fn imbalance(train: &Examples, names: &[String]) -> Option<String> {
    let counts = load::class_counts(train);
    let most = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    let least = counts.iter().enumerate().min_by_key(|(_, count)| **count)?;
    let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
    (*most.1 > BALANCED * least.1).then(|| {
        format!(
            "classes are imbalanced: {} training examples of `{}`, {} of `{}`",
            most.1,
            name(most.0),
            least.1,
            name(least.0)
        )
    })
}
