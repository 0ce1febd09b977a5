//! `results.md`: tables with all columns, the lost seeds, and how the comparison was made.

use crate::Error;
use crate::report::columns::{self, Column};
use crate::report::labels::{self, Labels};
use crate::report::{Exporter, number, svg, words};
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use crate::run::folder::Kind;
use serde_json::Value;

const HOW_TO_READ: &str = "The metric is measured on the test part, with the checkpoint that was best on the validation \
    part (the last checkpoint if there is no validation part). *mean*, *median* and the *95 % interval* of the mean \
    are over all seeds or replicates (a replicate is a tuning and a final run of its own); one that diverged or failed \
    counts as worse than any number. *difference* is how much better an arm is than the arm it is compared with: the mean \
    over pairs, or the median of pair means (*by ranks*) where a run was lost or the plan says so, with an interval; the intervals of all arms \
    hold together with a probability of 95 %. *to target* is the median over the seeds, with seeds that missed the \
    workload's target on the validation part as infinite, and how many reached it. *seconds* are training seconds, without \
    evaluation, logging, checkpoints and the first step. *ms/step*, *first step* and *MiB* (the peak memory of a run's \
    process) are medians. Arms are sorted by mean, best first.";

const OF_A_STUDY: &str = "The metric is measured on the validation part; the test part was not used. The settings above come from \
    the best trial, the largest of many values and therefore too optimistic.";

/// `results.md`.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

impl Exporter for Markdown {
    fn file_name(&self) -> &'static str {
        "results.md"
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let labels = Labels::of(summaries);
        let name = escaped(&comparison.name);
        let mut text = format!("# {name}\n\n![Learning curves]({})\n", svg::FILE_NAME);
        for workload in comparison.workloads() {
            let arms: Vec<&Summary> = summaries.iter().filter(|arm| arm.workload == workload).collect();
            text.push_str(&section(comparison, &labels, workload, &arms));
        }
        let how_to_read = if comparison.kind == Kind::Study { OF_A_STUDY } else { HOW_TO_READ };
        text.push_str(&format!("\n{how_to_read}\n\n## How it was made\n\n"));
        for invocation in &comparison.invocations {
            text.push_str(&code(&invocation.command));
        }
        text.push_str(&format!("{}\n\n", words::clock(comparison)));
        words::protocol(comparison).iter().for_each(|line| text.push_str(&format!("- {}\n", escaped(line))));
        text.push('\n');
        text.push_str(&environment(comparison.environment.as_ref()));
        Ok(text)
    }
}

fn section(comparison: &Comparison, labels: &Labels, workload: &str, arms: &[&Summary]) -> String {
    if arms.is_empty() {
        let said = escaped(&words::without_finalists(comparison, workload));
        return format!("\n## {}\n\n{said}\n", escaped(workload));
    }
    let shared = escaped(&labels.shared(comparison, arms));
    let mut text = format!("\n## {}\n\n{shared}", escaped(workload));
    if let Some((arm, target)) = arms.first().and_then(|arm| Some((arm, arm.metric.target?))) {
        let better = arm.metric.direction.name();
        let target = number::metric(&arm.metric, target);
        let metric = escaped(&arm.metric.to_string());
        text.push_str(&format!(" · {metric} ({better} is better) · target {target}"));
    }
    text.push_str("\n\n");
    words::verdicts(labels, arms).iter().for_each(|line| text.push_str(&format!("{}\n\n", escaped(line))));
    text.push_str(&table(&columns::columns(labels, arms)));
    let lost = labels::lost_seeds(labels, arms);
    if !lost.is_empty() {
        text.push('\n');
        lost.iter().for_each(|line| text.push_str(&format!("- {}\n", escaped(line))));
    }
    text
}

fn table(columns: &[Column]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = |column: &Column| {
        if column.is_text { ":--".to_string() } else { "--:".into() }
    };
    let mut text = row(columns.iter().map(|column| escaped(&column.title)).collect());
    text.push_str(&row(columns.iter().map(rule).collect()));
    for index in 0..columns.first().map_or(0, |column| column.cells.len()) {
        text.push_str(&row(columns.iter().map(|column| escaped(&column.cells[index])).collect()));
    }
    text
}

/// Returns `environment.json` as a table.
fn environment(environment: Option<&Value>) -> String {
    let Some(fields) = environment.and_then(Value::as_object) else {
        return String::new();
    };
    let mut text = String::from("| | |\n|:--|:--|\n");
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        text.push_str(&format!("| {} | {} |\n", escaped(&key.replace('_', " ")), escaped(&value)));
    }
    text
}

/// Returns text in one line that Markdown shows as it is: names and reasons may hold markup.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '`' | '*' | '\\' => shown.extend(['\\', character]),
            // A link ends its text so; a list in brackets stays as it is.
            '(' if shown.ends_with(']') => shown.push_str("\\("),
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            control if control.is_control() => shown.push(' '),
            other => shown.push(other),
        }
    }
    shown
}

/// Returns a block of shell commands, whose fence is longer than any row of backticks in it.
fn code(command: &str) -> String {
    let mut longest = 0;
    let mut row = 0;
    for character in command.chars() {
        row = if character == '`' { row + 1 } else { 0 };
        longest = longest.max(row);
    }
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}sh\n{command}\n{fence}\n\n")
}
