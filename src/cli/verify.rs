//! `optlab verify`: prints how far rules and schedules are from their references.

use crate::Error;
use crate::cli::{Exit, output};
use crate::verify::{self, Check, On, Outcome, References, Source, Way};
use clap::Args;
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::device;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The width of the table, in characters.
const WIDTH: usize = 80;
/// The indentation of the lines below a row.
const INDENT: usize = 22;
/// The widths of the columns for the name, for whose code computed its numbers, and for that code's name.
const NAME: usize = 19;
const SOURCE: usize = 7;
const REFERENCE: usize = 34;

/// Arguments of `optlab verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Backend to run on [default: a GPU backend if compiled in, else flex]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Read DIR/optimizers/*.json and DIR/schedules/*.json instead of the bundled files
    #[arg(long, value_name = "DIR")]
    references: Option<PathBuf>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs `optlab verify`.
///
/// A file for an unknown rule or schedule is reported and is not a failure, unless there are no other files.
/// Differences of Burn's built-ins are reported and never a failure.
///
/// # Errors
/// [`Exit::Failure`] if one of optlab's own differs from its reference, or nothing was compared; a folder
/// that cannot be read or holds no references; an unknown backend.
pub fn run(args: &VerifyArgs) -> Result<(), Exit> {
    let backend = args.backend.as_deref().unwrap_or(device::default_backend());
    device::parse(backend)?;
    let references = match &args.references {
        Some(folder) => References::of_folder(folder)?,
        None => References::bundled(),
    };
    let on = On { device: device::open(backend)?, way: Way::InPlace };
    let own = verify::own(&references, &on);
    let burns = verify::burns(&references, &on);
    let text = if args.json { json(&own, &burns)? } else { table(backend, &own, &burns) };
    output::print(text);
    match failure(&own, &burns) {
        Some(line) => {
            output::error(line);
            Err(Exit::Failure)
        }
        None => Ok(()),
    }
}

/// Returns the error line, if the program does not end with success.
fn failure(own: &[Check], burns: &[Check]) -> Option<String> {
    if own.iter().chain(burns).all(|check| check.passed().is_none()) {
        return Some(
            "nothing was checked: every file is for a rule or schedule that this program does not have"
                .into(),
        );
    }
    let mut failed = own.iter().filter(|check| check.passed() == Some(false));
    let first = failed.next()?;
    let reason = first.reason().unwrap_or_default();
    let line = match first.outcome {
        // This error names its file, which may be a stream.
        Outcome::Broken(Error::Core(optlab_core::Error::File { .. })) => reason,
        _ => format!("{}: `{}`: {reason}", first.file.display(), first.rule),
    };
    Some(match failed.count() {
        0 => line,
        more => format!("{line}; and {more} more"),
    })
}

/// A check in the JSON output.
#[derive(Serialize)]
struct Row<'a> {
    kind: &'static str,
    rule: &'a str,
    config: &'a Map<String, Value>,
    file: String,
    reference: &'a str,
    /// `null` if the file does not say.
    source: Option<Source>,
    /// `null` unless it is finite.
    share: Option<f64>,
    passed: Option<bool>,
    reason: Option<String>,
}

fn json(own: &[Check], burns: &[Check]) -> Result<String, Error> {
    let row = |check: &'_ Check| -> Value {
        let row = Row {
            kind: check.kind,
            rule: &check.rule,
            config: &check.config,
            file: check.file.display().to_string(),
            reference: &check.reference,
            source: check.source,
            share: check.share().filter(|share| share.is_finite()),
            passed: check.passed(),
            reason: check.reason(),
        };
        serde_json::to_value(row).unwrap_or_default()
    };
    let rows: Vec<Value> = own.iter().chain(burns).map(row).collect();
    let text = serde_json::to_string_pretty(&rows)
        .map_err(|error| Error::invalid("verify", "result", "numbers that JSON can hold", error))?;
    Ok(text + "\n")
}

fn table(backend: &str, own: &[Check], burns: &[Check]) -> String {
    let mut text = format!("On {backend}: the largest error as a share of the tolerance, up to 1.\n");
    for (title, kind, checks) in [
        ("OPTIMIZERS", "optimizer", own),
        ("SCHEDULES", "schedule", own),
        ("BURN'S OPTIMIZERS, with the same settings", "optimizer", burns),
        ("BURN'S SCHEDULES, with the same settings", "schedule", burns),
    ] {
        let checks: Vec<&Check> = checks.iter().filter(|check| check.kind == kind).collect();
        if !checks.is_empty() {
            text.push_str(&format!("\n{title}\n"));
        }
        for check in &checks {
            let is_one_of_several = checks.iter().filter(|other| other.rule == check.rule).count() > 1;
            text.push_str(&lines(check, is_one_of_several));
        }
    }
    text.push('\n');
    for line in closing(own, burns) {
        text.push_str(&wrapped(&line, 0));
    }
    text
}

/// Returns the lines of a check: its row and, below, its file if the name has several, its settings and what
/// is wrong.
fn lines(check: &Check, with_file: bool) -> String {
    let verdict = match (&check.outcome, check.passed()) {
        (Outcome::Ran(largest), Some(true)) => format!("{:>7}  pass", short(largest.share)),
        (Outcome::Ran(largest), _) => format!("{:>7}  fail", short(largest.share)),
        (Outcome::Unknown, _) => "unknown here".into(),
        (Outcome::Inexpressible(_), _) => "not possible".into(),
        (Outcome::Broken(_), _) => "broken".into(),
        (Outcome::Panicked { .. }, _) => "panicked".into(),
    };
    let (name, reference) = (fitted(&check.rule, NAME), fitted(&check.reference, REFERENCE));
    let source = check.source.map(|source| source.to_string()).unwrap_or_default();
    let row = format!("  {name:<NAME$} {verdict:>13}  {source:<SOURCE$}  {reference}");
    let mut lines = format!("{}\n", row.trim_end());
    if with_file {
        let file = check.file.file_name().unwrap_or_default().to_string_lossy();
        lines.push_str(&wrapped(&file, INDENT));
    }
    if !check.changed.is_empty() {
        lines.push_str(&wrapped(&check.changed, INDENT));
    }
    match (&check.outcome, check.reason()) {
        (Outcome::Unknown, _) | (_, None) => {}
        // The number is in the row.
        (Outcome::Ran(largest), Some(_)) => {
            lines.push_str(&wrapped(&format!("largest error {}", largest.place()), INDENT));
        }
        (_, Some(reason)) => lines.push_str(&wrapped(&reason, INDENT)),
    }
    lines
}

/// Returns the lines below the table: what has no row, and the counts.
fn closing(own: &[Check], burns: &[Check]) -> Vec<String> {
    let mut names: Vec<String> = OptimizerSpec::all().iter().map(|spec| spec.name().into()).collect();
    names.extend(ScheduleSpec::all().iter().map(|spec| spec.name().into()));
    names.retain(|name| !name.starts_with("burn.") && own.iter().all(|check| check.rule != *name));
    let mut lines: Vec<String> = Source::ALL.iter().filter_map(|source| numbers_of(*source, own)).collect();
    if !names.is_empty() {
        lines.push(format!("No reference file for {}.", names.join(", ")));
    }
    let mut without_burns: Vec<&str> = own
        .iter()
        .filter(|check| check.share().is_some())
        .map(|check| check.rule.as_str())
        .filter(|rule| burns.iter().all(|check| check.rule != format!("burn.{rule}")))
        .collect();
    without_burns.dedup();
    if !without_burns.is_empty() {
        lines.push(format!("No rule or schedule of Burn's for {}.", without_burns.join(", ")));
    }
    let count = |checks: &[Check], passed| checks.iter().filter(|check| check.passed() == passed).count();
    let counts = |checks: &[Check]| {
        let [passed, failed] = [Some(true), Some(false)].map(|verdict| count(checks, verdict));
        format!("{passed} pass, {failed} fail")
    };
    let unknown = count(own, None);
    lines.push(format!("Ours: {}, {unknown} unknown here. Burn's: {}.", counts(own), counts(burns)));
    lines
}

/// Returns whose numbers the files of `source` hold, and for how many; with names where no code was run.
fn numbers_of(source: Source, own: &[Check]) -> Option<String> {
    let of_source: Vec<&Check> = own.iter().filter(|check| check.source == Some(source)).collect();
    let count = match of_source.len() {
        0 => return None,
        1 => "1 file".into(),
        count => format!("{count} files"),
    };
    Some(match source {
        Source::Authors => format!("authors: the authors' own code computed the numbers of {count}."),
        Source::Package => format!("package: a package of others computed the numbers of {count}."),
        Source::Formula => {
            let mut names: Vec<&str> = of_source.iter().map(|check| check.rule.as_str()).collect();
            names.dedup();
            format!("formula: no code of others computed the numbers of {count}: {}.", names.join(", "))
        }
    })
}

/// Formats a share in at most seven characters.
fn short(share: f64) -> String {
    match share {
        share if share < 10.0 => format!("{share:.4}"),
        share if share < 1000.0 => format!("{share:.1}"),
        share if share.is_finite() => format!("{share:.1e}"),
        share => share.to_string(),
    }
}

fn fitted(text: &str, width: usize) -> String {
    match text.chars().count() <= width {
        true => text.into(),
        false => text.chars().take(width - 1).chain(['…']).collect(),
    }
}

/// Wraps a text into lines indented by `indent`, broken after spaces and commas.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive([' ', ',']) {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && indent + line + word.trim_end().chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{:indent$}{}\n", "", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_after_spaces_and_commas() {
        let text = format!("{},{} and more", "a".repeat(50), "b".repeat(40));
        let expected = format!("  {},\n  {} and more\n", "a".repeat(50), "b".repeat(40));
        assert_eq!(wrapped(&text, 2), expected);
        assert_eq!(wrapped("short", 2), "  short\n");
        let unbroken = "/".repeat(100);
        assert_eq!(wrapped(&unbroken, 2), format!("  {unbroken}\n"));
    }

    #[test]
    fn shares_of_any_size_fit_their_column() {
        let texts = [0.01234, 1.00004, 9.99999, 10.0, 999.96, 1e4, 1.5e300].map(short);
        assert_eq!(texts, ["0.0123", "1.0000", "10.0000", "10.0", "1000.0", "1.0e4", "1.5e300"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(short), ["NaN", "inf"]);
        assert_eq!(fitted("PyTorch", 7), "PyTorch");
        assert_eq!(fitted("PyTorch 2", 7), "PyTorc…");
    }
}
