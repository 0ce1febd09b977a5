//! A self-contained page for a browser: verdicts, curves, tables and every trial.
//!
//! The page is [`page.html`](html/page.html) with its style, its scripts and its data filled in. The scripts
//! draw everything; this module collects the data that they draw.

mod commands;
mod curves;
mod number_text;
mod profile;
mod trials;
mod workloads;

use crate::Error;
use crate::report::labels::Labels;
use crate::report::{Exporter, unwritable, words};
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use profile::Profile;
use serde::Serialize;
use serde_json::Value;
use trials::Trials;
use workloads::Workload;

/// The page's file.
pub const FILE_NAME: &str = "report.html";

const PAGE: &str = include_str!("html/page.html");
/// The scripts, each after the scripts that it uses.
const SCRIPTS: [&str; 10] = [
    include_str!("html/element.js"),
    include_str!("html/scale.js"),
    include_str!("html/arms.js"),
    include_str!("html/chart.js"),
    include_str!("html/readout.js"),
    include_str!("html/figures.js"),
    include_str!("html/table.js"),
    include_str!("html/trials.js"),
    include_str!("html/sections.js"),
    include_str!("html/page.js"),
];
const STYLE: &str = include_str!("html/page.css");

/// `report.html`.
#[derive(Debug, Clone, Copy)]
pub struct Html;

/// The data of the page.
#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    headline: Vec<String>,
    commands: Vec<Command<'a>>,
    clock: String,
    protocol: Vec<String>,
    environment: Value,
    /// The noun for one result of an arm: "seed" or "replicate".
    unit: &'static str,
    /// The scope of verdicts: " for these settings" or nothing.
    scope: &'static str,
    kind: String,
    arms: Vec<ArmLabel>,
    workloads: Vec<Workload>,
    profile: Option<Profile>,
    backends: Vec<Backend>,
    trials: Trials,
}

#[derive(Serialize)]
struct Command<'a> {
    command: &'a str,
    jobs: usize,
}

#[derive(Serialize)]
struct ArmLabel {
    label: String,
}

/// The time and memory of an arm's step on a backend.
#[derive(Serialize)]
struct Backend {
    workload: String,
    arm: usize,
    backend: String,
    step_milliseconds: Option<f64>,
    first_step_seconds: Option<f64>,
    peak_memory_mib: Option<f64>,
}

/// The labels of all arms; the page refers to an arm by its index here.
struct Known(Vec<String>);

impl Known {
    fn of(comparison: &Comparison, labels: &Labels) -> Self {
        Known(labels.all(comparison))
    }

    fn place(&self, label: &str) -> usize {
        self.0.iter().position(|known| known == label).unwrap_or(0)
    }
}

impl Exporter for Html {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let document = document(comparison, summaries);
        let data = serde_json::to_string(&document).map_err(|reason| unwritable(FILE_NAME, reason))?;
        Ok(page(&comparison.name, &data))
    }
}

/// Returns the page titled `title` with `data`, which is JSON.
fn page(title: &str, data: &str) -> String {
    // The data cannot end their element or begin another one.
    let data = data.replace('<', "\\u003c");
    let mut text = String::with_capacity(PAGE.len() + STYLE.len() + data.len() + 100_000);
    // Each marker is searched in the page only, never in the parts that were filled in.
    let mut rest = PAGE;
    let script: String = SCRIPTS.iter().map(|script| without_comments(script)).collect();
    let title = optlab_core::markup::escape(title);
    let parts = [
        ("<!--TITLE-->", title.as_str()),
        ("/*STYLE*/", STYLE),
        ("/*DATA*/", &data),
        ("/*SCRIPT*/", &script),
    ];
    for (marker, part) in parts {
        let (before, after) = rest.split_once(marker).unwrap_or((rest, ""));
        text.push_str(before);
        text.push_str(part);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Returns a script without indentation, empty lines and comment lines; only code may span lines.
fn without_comments(script: &str) -> String {
    let is_code =
        |line: &&str| !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark));
    script.lines().map(str::trim).filter(is_code).flat_map(|line| [line, "\n"]).collect()
}

fn document<'a>(comparison: &'a Comparison, summaries: &[Summary]) -> Document<'a> {
    let labels = Labels::of(summaries);
    let known = Known::of(comparison, &labels);
    let of = |name: &str| -> Vec<&Summary> { summaries.iter().filter(|arm| arm.workload == name).collect() };
    let names = comparison.workloads();
    let headline = names.iter().filter_map(|name| {
        words::verdicts(&labels, &of(name)).into_iter().next().map(|said| format!("{name}: {said}"))
    });
    let backend = |arm: &Summary| Backend {
        workload: arm.workload.clone(),
        arm: known.place(&labels.label(arm)),
        backend: arm.backend.clone(),
        step_milliseconds: arm.step_milliseconds.map(number_text::rounded),
        first_step_seconds: arm.first_step_seconds.map(number_text::rounded),
        peak_memory_mib: arm.peak_memory_mib.map(number_text::rounded),
    };
    let command = |invocation: &'a crate::run::folder::Invocation| Command {
        command: &invocation.command,
        jobs: invocation.jobs,
    };
    Document {
        name: &comparison.name,
        headline: headline.collect(),
        commands: comparison.invocations.iter().map(command).collect(),
        clock: words::clock(comparison),
        protocol: words::protocol(comparison),
        environment: environment(comparison),
        unit: labels.unit,
        scope: labels.scope,
        kind: comparison.kind.to_string(),
        arms: known.0.iter().map(|label| ArmLabel { label: label.clone() }).collect(),
        workloads: names.iter().map(|name| Workload::of(comparison, &labels, &known, &of(name))).collect(),
        profile: Profile::of(comparison, summaries),
        backends: summaries.iter().map(backend).collect(),
        trials: Trials::of(comparison, &labels, &known),
    }
}

/// Returns the environment that a run recorded, with the commit of the latest command.
fn environment(comparison: &Comparison) -> Value {
    let mut environment = comparison.environment.clone().unwrap_or_else(|| Value::Object(Default::default()));
    let commit = comparison.invocations.last().and_then(|invocation| invocation.commit.clone());
    if let (Some(fields), Some(commit)) = (environment.as_object_mut(), commit) {
        fields.insert("commit".into(), commit.into());
    }
    environment
}

#[cfg(test)]
mod tests;
