//! The columns of a workload's table, shared by the terminal and Markdown.

use crate::report::labels::Labels;
use crate::report::{number, words};
use crate::result::summary::{Quartiles, Summary};
use optlab_stats::statistics::bootstrap::Description;
use optlab_stats::statistics::verdict::Verdict;

/// A column: a title and a cell per arm.
#[derive(Debug, Clone)]
pub struct Column {
    /// The title.
    pub title: String,
    /// One cell per arm, in the arms' order.
    pub cells: Vec<String>,
    /// Whether the cells are text, aligned left.
    pub is_text: bool,
    /// The order of removal in a narrow table: the highest rank is removed first, rank 0 never.
    pub rank: u8,
}

const NOTHING: &str = "–";

/// Returns the columns of a table of these arms, all of one workload.
pub fn columns(labels: &Labels, arms: &[&Summary]) -> Vec<Column> {
    let is_share = arms.first().is_some_and(|arm| arm.metric.is_share());
    let unit = if is_share { " %" } else { "" };
    let title = |name: &str| format!("{name}{unit}");
    let mut columns = vec![
        text("arm", arms, |arm| arm.arm.clone()),
        // The tuned settings, unless the arm's name already shows them.
        Column { rank: 8, ..text("settings", arms, settings) },
        numbers("lr", 1, arms, lr),
    ];
    if labels.schedule {
        columns.push(Column { rank: 7, ..text("schedule", arms, |arm| arm.schedule.clone()) });
    }
    if labels.backend {
        columns.push(text("backend", arms, |arm| arm.backend.clone()));
    }
    let verdicts = format!("verdict{}", labels.scope);
    columns.extend([
        numbers(&title("mean"), 0, arms, |arm| {
            of_result(arm, |it| number::plain(&arm.metric, it.mean.value))
        }),
        numbers("95 % interval", 2, arms, |arm| {
            of_result(arm, |it| number::interval(&arm.metric, (it.mean.low, it.mean.high)))
        }),
        numbers(&title("median"), 6, arms, |arm| {
            of_result(arm, |it| number::plain(&arm.metric, it.median.value))
        }),
        numbers("difference", 1, arms, difference),
        Column { is_text: true, ..numbers(&verdicts, 0, arms, |arm| verdict(arm, arms)) },
        numbers("to target: steps", 3, arms, |arm| reached(arm, arm.steps_to_target)),
        numbers("seconds", 4, arms, |arm| {
            quartiles(arm.seconds_to_target, |seconds| number::significant(seconds, 3))
        }),
        numbers("ms/step", 5, arms, |arm| optional(arm.step_milliseconds, 3)),
        numbers("× step time", 7, arms, step_time_ratio),
        numbers("first step s", 9, arms, |arm| optional(arm.first_step_seconds, 2)),
        numbers("MiB", 8, arms, |arm| optional(arm.peak_memory_mib, 3)),
    ]);
    if arms.iter().any(|arm| arm.lost() + arm.not_run.len() > 0) {
        columns.push(numbers("ended", 0, arms, |arm| {
            format!("{}/{}", arm.seeds - arm.lost() - arm.not_run.len(), arm.seeds)
        }));
    }
    if arms.iter().any(|arm| !arm.unstable.is_empty()) {
        // Their result is that of the best checkpoint, from before the loss exploded.
        columns.push(numbers(&title("last, validation"), 3, arms, |arm| {
            arm.final_validation.map_or(NOTHING.into(), |last| number::plain(&arm.metric, last.mean))
        }));
        columns.push(numbers("unstable", 0, arms, |arm| format!("{}/{}", arm.unstable.len(), arm.seeds)));
    }
    // Columns without values, such as the time to a target that no arm reached, are left out.
    let says_something =
        |column: &Column| column.cells.iter().any(|cell| cell != NOTHING && !cell.is_empty());
    let has_finals = arms.iter().any(|arm| arm.seeds > 0);
    columns.retain(|column| column.title == title("mean") && has_finals || says_something(column));
    columns
}

fn text(title: &str, arms: &[&Summary], cell: impl Fn(&Summary) -> String) -> Column {
    Column { is_text: true, ..numbers(title, 0, arms, cell) }
}

fn numbers(title: &str, rank: u8, arms: &[&Summary], cell: impl Fn(&Summary) -> String) -> Column {
    Column { title: title.into(), cells: arms.iter().map(|arm| cell(arm)).collect(), is_text: false, rank }
}

fn of_result(arm: &Summary, part: impl Fn(&Description) -> String) -> String {
    // The mean of an arm that lost a seed is infinite, which the count of lost seeds already says.
    let result = arm.result.as_ref().filter(|result| result.mean.value.is_finite());
    result.map(part).filter(|cell| !cell.is_empty()).unwrap_or_else(|| NOTHING.into())
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or(NOTHING.into(), |value| number::significant(value, digits))
}

/// Returns the optimizer's fields, unless the arm's name contains them.
fn settings(arm: &Summary) -> String {
    if arm.arm.starts_with(&arm.optimizer) {
        return String::new();
    }
    arm.optimizer.split_once(':').map_or(String::new(), |(_, fields)| fields.into())
}

/// Returns the learning rate; if the replicates have different ones, their median and range:
/// `0.0045 (0.003–0.01)`.
fn lr(arm: &Summary) -> String {
    let number = |lr| number::rounded_to(2, lr);
    match arm.lr_range {
        None => number::short(arm.lr),
        Some((low, high)) => format!("{} ({}–{})", number(arm.lr), number(low), number(high)),
    }
}

/// Returns the time of a step as a multiple of that of the arm it is compared with: `1.12 [1.09, 1.16]`.
fn step_time_ratio(arm: &Summary) -> String {
    arm.step_time_ratio.map_or(NOTHING.into(), |[ratio, low, high]| {
        let ends = match high.is_finite() {
            true => format!(" [{low:.2}, {high:.2}]"),
            false => String::new(),
        };
        format!("{ratio:.2}{ends}")
    })
}

/// Returns how much better the arm is than the arm it is compared with, with the interval behind the verdict.
fn difference(arm: &Summary) -> String {
    let comparison = arm.against.as_ref().and_then(|against| against.comparison.as_ref());
    comparison.map_or(NOTHING.into(), |comparison| number::difference(&arm.metric, comparison))
}

/// Returns the verdict on an arm; nothing while a trial of an arm on its backend is missing.
fn verdict(arm: &Summary, arms: &[&Summary]) -> String {
    let family: Vec<&Summary> = arms.iter().copied().filter(|other| other.backend == arm.backend).collect();
    let Some(against) = arm.against.as_ref().filter(|_| words::is_finished(&family)) else {
        return NOTHING.into();
    };
    match against.comparison.as_ref().map(|comparison| comparison.verdict) {
        None if against.arm == arm.arm => "compared with".into(),
        None => NOTHING.into(),
        Some(Verdict::Better) => "better".into(),
        Some(Verdict::Worse) => "worse".into(),
        Some(Verdict::NotShown) => "no difference shown".into(),
    }
}

fn quartiles(of: Option<Quartiles>, number: impl Fn(f64) -> String) -> String {
    match of {
        None => NOTHING.into(),
        Some(of) if of.median.is_finite() => number(of.median),
        Some(_) => "∞".into(),
    }
}

/// Returns the median over the seeds, with missed targets as infinite, and how many reached the target:
/// `474 (3/5)`; nothing without a target.
fn reached(arm: &Summary, steps: Option<Quartiles>) -> String {
    let of = arm.seeds - arm.not_run.len();
    match steps {
        None if arm.metric.target.is_none() || arm.seeds == 0 => NOTHING.into(),
        None => format!("{NOTHING} (0/{of})"),
        Some(_) => {
            format!("{} ({}/{of})", quartiles(steps, |steps| format!("{steps:.0}")), arm.reached_target)
        }
    }
}
