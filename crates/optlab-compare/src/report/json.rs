//! `results.json`, for programs: trials with their outcomes, and summaries.

use crate::Error;
use crate::plan::entry::Stage;
use crate::report::{Exporter, unwritable};
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use crate::run::folder::Invocation;
use optlab_train::train::{Outcome, Trial};
use serde::Serialize;
use serde_json::Value;

const FILE_NAME: &str = "results.json";

/// `results.json`: `name`, `invocations`, `environment`, `trials` (`id`, `arm`, `stage`, `trial`, `outcome`)
/// and `summaries`.
#[derive(Debug, Clone, Copy)]
pub struct Json;

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    invocations: &'a [Invocation],
    environment: Option<&'a Value>,
    trials: Vec<TrialEntry<'a>>,
    summaries: &'a [Summary],
}

#[derive(Serialize)]
struct TrialEntry<'a> {
    id: String,
    arm: &'a str,
    #[serde(flatten)]
    stage: Stage,
    trial: &'a Trial,
    outcome: Option<&'a Outcome>,
}

impl Exporter for Json {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error> {
        let document = Document {
            name: &comparison.name,
            invocations: &comparison.invocations,
            environment: comparison.environment.as_ref(),
            trials: comparison
                .runs
                .iter()
                .map(|run| TrialEntry {
                    id: run.trial.id(),
                    arm: &run.arm,
                    stage: run.stage,
                    trial: &run.trial,
                    outcome: run.outcome.as_ref(),
                })
                .collect(),
            summaries,
        };
        let mut text =
            serde_json::to_string_pretty(&document).map_err(|reason| unwritable(FILE_NAME, reason))?;
        text.push('\n');
        Ok(text)
    }
}
