//! The columns of a workload's table, shared by the terminal and Markdown.

use crate::compare::Summary;
use crate::report::labels::Labels;
use crate::report::number;

/// A column: a title and a cell for each arm.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// A cell for each arm, in the arms' order.
    pub cells: Vec<String>,
    /// Whether its cells are text, aligned left.
    pub is_text: bool,
    /// Columns of the highest rank go first where there is no room; 0 always stays.
    pub rank: u8,
}

/// The columns of a table of these arms, all of one workload.
pub fn columns(labels: &Labels, arms: &[&Summary]) -> Vec<Column> {
    let metric = arms.first().map_or("", |arm| arm.metric.as_str());
    let unit = if number::is_share(metric) { " %" } else { "" };
    let spread = |spread: &Option<crate::compare::Spread>| match spread {
        Some(spread) => number::spread(metric, spread),
        None => "–".into(),
    };
    let mut columns = vec![
        text("optimizer", arms, |arm| arm.optimizer.clone()),
        numbers("lr", 0, arms, |arm| number::short(arm.lr)),
    ];
    if labels.schedule {
        columns.push(text("schedule", arms, |arm| arm.schedule.clone()));
    }
    if labels.backend {
        columns.push(text("backend", arms, |arm| arm.backend.clone()));
    }
    let title = |name: &str| format!("{name}{unit}");
    columns.extend([
        numbers(&title("final"), 0, arms, |arm| spread(&arm.final_validation)),
        numbers(&title("best"), 2, arms, |arm| spread(&arm.best_validation)),
        numbers(&title("test"), 0, arms, |arm| spread(&arm.test)),
        numbers("to target: steps", 1, arms, |arm| reached(arm, arm.steps_to_target, 0)),
        numbers("seconds", 3, arms, |arm| {
            arm.seconds_to_target.map_or("–".into(), |seconds| number::significant(seconds, 3))
        }),
        numbers("ms/step", 4, arms, |arm| {
            arm.step_milliseconds.map_or("–".into(), |time| number::significant(time, 3))
        }),
        numbers("first step s", 5, arms, |arm| {
            arm.first_step_seconds.map_or("–".into(), |time| number::significant(time, 2))
        }),
    ]);
    if arms.iter().any(|arm| arm.lost() + arm.not_run.len() > 0) {
        columns.push(numbers("ended", 0, arms, |arm| {
            format!("{}/{}", arm.seeds - arm.lost() - arm.not_run.len(), arm.seeds)
        }));
    }
    // What nothing is known of, such as a validation metric without a validation part, takes no room.
    columns.retain(|column| {
        column.rank == 0 && column.title != title("final") || column.cells.iter().any(|cell| cell != "–")
    });
    columns
}

fn text(title: &str, arms: &[&Summary], cell: impl Fn(&Summary) -> String) -> Column {
    Column { is_text: true, ..numbers(title, 0, arms, cell) }
}

fn numbers(title: &str, rank: u8, arms: &[&Summary], cell: impl Fn(&Summary) -> String) -> Column {
    Column { title: title.into(), cells: arms.iter().map(|arm| cell(arm)).collect(), is_text: false, rank }
}

/// A mean over the seeds that reached the target, and how many those are: `474 (3/5)`.
fn reached(arm: &Summary, mean: Option<f64>, decimals: usize) -> String {
    let of = arm.seeds - arm.not_run.len();
    match mean {
        None => format!("– (0/{of})"),
        Some(mean) => format!("{mean:.decimals$} ({}/{of})", arm.reached_target),
    }
}
