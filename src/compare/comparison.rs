//! A comparison as its folder holds it.

use crate::compare::folder::{self, Invocation};
use crate::compare::summary::{self, Summary};
use crate::error::Error;
use crate::json_file;
use crate::train::history::{self, Part, Row};
use crate::train::{Outcome, Trial};
use serde_json::Value;
use std::path::Path;

/// All that a report is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The folder's name.
    pub name: String,
    /// The commands that worked on it, the latest last.
    pub invocations: Vec<Invocation>,
    /// The first `environment.json` that a run left.
    pub environment: Option<Value>,
    /// Every trial, in the plan's order.
    pub runs: Vec<Run>,
}

/// A trial, how it ended, and what it passed through.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The trial.
    pub trial: Trial,
    /// How it ended; none if it has not.
    pub outcome: Option<Outcome>,
    /// Its evaluations, in the order of steps.
    pub evaluations: Vec<Evaluation>,
}

/// One evaluation of a part of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Steps made before it.
    pub step: usize,
    /// Epochs begun before it.
    pub epoch: usize,
    /// Training seconds before it.
    pub training_seconds: f64,
    /// The part of the data.
    pub part: Part,
    /// Mean loss; none if it is not finite.
    pub loss: Option<f64>,
    /// The workload's metric; none where it was not computed.
    pub metric: Option<f64>,
}

impl Comparison {
    /// Reads the comparison in the folder `path`, finished or not.
    ///
    /// # Errors
    /// [`Error::File`] if the folder holds no comparison, or a damaged file; [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut environment = None;
        let mut runs = Vec::new();
        for trial in folder::read_trials(path)? {
            let run_dir = folder::run_dir(path, &trial);
            if environment.is_none() {
                environment = json_file::read_if_there(&run_dir.join("environment.json"))?;
            }
            runs.push(Run {
                outcome: folder::read_outcome(&run_dir, &trial)?,
                evaluations: read_evaluations(&run_dir.join("history.jsonl"))?,
                trial,
            });
        }
        let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
        let name = absolute.file_name().unwrap_or_default();
        Ok(Comparison {
            name: name.to_string_lossy().into_owned(),
            invocations: folder::read_invocations(path)?,
            environment,
            runs,
        })
    }

    /// The workloads, in the plan's order.
    pub fn workloads(&self) -> Vec<&str> {
        let mut workloads: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !workloads.contains(&run.trial.workload.as_str()) {
                workloads.push(&run.trial.workload);
            }
        }
        workloads
    }

    /// The runs of each arm, in the plan's order. An arm is all of a trial but its seed.
    pub fn arms(&self) -> Vec<Vec<&Run>> {
        summary::group(&self.runs)
    }

    /// What each arm came to, in the plan's order of workloads, the best arm of each first.
    pub fn summaries(&self) -> Vec<Summary> {
        summary::summarize(self)
    }
}

fn read_evaluations(path: &Path) -> Result<Vec<Evaluation>, Error> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let evaluation = |row| match row {
        Row::Step { .. } => None,
        Row::Evaluation { step, epoch, training_seconds, part, loss, metric } => {
            Some(Evaluation { step, epoch, training_seconds, part, loss, metric })
        }
    };
    Ok(history::read(path)?.into_iter().filter_map(evaluation).collect())
}
