//! Reads a comparison from its folder.

use crate::Error;
use crate::plan::Plan;
use crate::plan::entry::{Entry, Stage};
use crate::run::folder::{self, Ended, Invocation, Kind};
use optlab_train::files::json_file;
use optlab_train::train::history::{Part, Row};
use optlab_train::train::{Outcome, RunDirectory, Trial};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The trials of a plan with their results; every report is made from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The folder's name.
    pub name: String,
    /// The purpose of its trials.
    pub kind: Kind,
    /// The commands that worked on it, the latest last.
    pub invocations: Vec<Invocation>,
    /// The first `environment.json` among the runs.
    pub environment: Option<Value>,
    /// The plan.
    pub plan: Plan,
    /// Every trial, in the plan's order.
    pub runs: Vec<Run>,
}

/// A trial with its outcome and its evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The arm's name.
    pub arm: String,
    /// The purpose of the trial.
    pub stage: Stage,
    /// The point in its search space, if the entry has it; else empty.
    pub point: Vec<f64>,
    /// The trial.
    pub trial: Trial,
    /// The outcome; `None` if the run has not ended.
    pub outcome: Option<Outcome>,
    /// Why an outcome that is there does not count: it is damaged or another trial's.
    pub unclear: Option<String>,
    /// The evaluations, in the order of steps; they are not read for a tuning trial.
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
    /// Mean loss; `None` if it is not finite.
    pub loss: Option<f64>,
    /// The workload's metric; `None` if it was not computed.
    pub metric: Option<f64>,
}

impl Run {
    /// Returns whether this is a final run, which its arm is compared by.
    pub fn is_final(&self) -> bool {
        self.stage == Stage::Final
    }

    /// Returns the replicate that this tuning run belongs to, if each seed has a tuning of its own.
    pub fn replicate(&self) -> Option<u64> {
        match self.stage {
            Stage::Tuning { replicate, .. } => replicate,
            Stage::Final => None,
        }
    }
}

impl Comparison {
    /// Reads the comparison in the folder `path`, finished or not.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the folder holds no comparison, or a damaged file, or if trials
    /// are missing in its list; [`Io`](optlab_core::Error::Io).
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut environment = None;
        let mut runs = Vec::new();
        for Entry { arm, stage, point, trial } in folder::read_all_entries(path)? {
            let run_dir = folder::run_dir(path, &trial);
            if environment.is_none() {
                environment = json_file::read_if_there(&run_dir.join("environment.json"))?;
            }
            let (outcome, unclear) = match folder::ended(&run_dir, &trial)? {
                Ended::With(outcome) => (Some(*outcome), None),
                Ended::Unclear(reason) => (None, Some(reason)),
                Ended::NotYet => (None, None),
            };
            let evaluations = match (stage, &unclear) {
                (Stage::Final, None) => read_evaluations(&run_dir)?,
                // The history of a run whose outcome does not count is not shown either.
                _ => Vec::new(),
            };
            runs.push(Run { arm, stage, point, trial, outcome, unclear, evaluations });
        }
        let about = folder::read_about(path)?;
        let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
        let name = absolute.file_name().unwrap_or_default();
        Ok(Comparison {
            name: name.to_string_lossy().into_owned(),
            kind: about.kind,
            invocations: about.invocations,
            environment,
            plan: Plan::of_folder(path)?,
            runs,
        })
    }

    /// Returns the workloads, in the plan's order.
    pub fn workloads(&self) -> Vec<&str> {
        different(self.runs.iter().map(|run| run.trial.workload.name.as_str()))
    }

    /// Returns the arms' names, in the plan's order.
    pub fn arm_names(&self) -> Vec<&str> {
        different(self.runs.iter().map(|run| run.arm.as_str()))
    }

    /// Returns the runs of each arm on each workload and backend, in the plan's order.
    pub fn arms(&self) -> Vec<ArmRuns<'_>> {
        let mut places: HashMap<(&str, &str, &str), usize> = HashMap::new();
        let mut arms: Vec<ArmRuns> = Vec::new();
        for run in &self.runs {
            let key = (run.trial.workload.name.as_str(), run.trial.backend.as_str(), run.arm.as_str());
            let place = *places.entry(key).or_insert(arms.len());
            if place == arms.len() {
                arms.push(ArmRuns { name: &run.arm, tuning: Vec::new(), finals: Vec::new() });
            }
            match run.stage {
                Stage::Tuning { .. } => arms[place].tuning.push(run),
                Stage::Final => arms[place].finals.push(run),
            }
        }
        arms
    }
}

/// Returns each name once, where it first stands.
fn different<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// The runs of an arm on a workload and a backend.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmRuns<'a> {
    /// The arm's name.
    pub name: &'a str,
    /// The tuning runs.
    pub tuning: Vec<&'a Run>,
    /// The final runs; empty while the arm is being tuned.
    pub finals: Vec<&'a Run>,
}

impl ArmRuns<'_> {
    /// Returns a trial of the arm, a final one if there is one.
    pub fn trial(&self) -> Option<&Trial> {
        self.finals.first().or(self.tuning.first()).map(|run| &run.trial)
    }
}

fn read_evaluations(run_dir: &Path) -> Result<Vec<Evaluation>, Error> {
    let evaluation = |row| match row {
        Row::Evaluation { step, epoch, training_seconds, part, loss, metric, .. } => {
            Some(Evaluation { step, epoch, training_seconds, part, loss, metric })
        }
        _ => None,
    };
    Ok(RunDirectory::new(run_dir).read_evaluations()?.into_iter().filter_map(evaluation).collect())
}
