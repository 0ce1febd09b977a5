//! The findings of a study: the best settings, the importance of each setting, and the flatness of the
//! optimum.

use crate::Error;
use crate::plan::entry::Stage;
use crate::plan::tuning::{self, Replicate};
use crate::result::comparison::{Comparison, Run};
use crate::run::command;
use optlab_core::Metric;
use optlab_stats::search::{Flatness, Importance, Observation, Space, TOLERANCE, flatness, importance};
use optlab_train::train::{Status, Trial};
use serde::Serialize;

/// The findings of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Number of trials that ended.
    pub trials: usize,
    /// Number of pruned trials.
    pub pruned: usize,
    /// Number of trials that diverged or failed.
    pub lost: usize,
    /// The reasons why outcomes that are there do not count: they are damaged or another trial's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// The best trial; `None` if every trial was lost.
    pub best: Option<Best>,
    /// The importance of each setting, the most important first, or why there is none.
    pub importance: Result<Vec<Importance>, String>,
    /// The trials that are about as good as the best; `None` with too few trials.
    pub flatness: Option<Flatness>,
}

/// The best trial of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Best {
    /// The number of the trial.
    pub number: usize,
    /// The trial.
    pub trial: Trial,
    /// The metric.
    pub metric: Metric,
    /// The best metric on the validation part.
    pub value: f64,
    /// The command that repeats the trial with another seed.
    pub command: String,
}

impl Findings {
    /// Returns the findings of the study in a folder so far.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if the folder is a comparison with more than one arm.
    pub fn of(study: &Comparison) -> Result<Self, Error> {
        let arms = study.plan.arms()?;
        let [arm] = arms.as_slice() else {
            return Err(Error::usage(format!(
                "{} is a comparison, not a study of one optimizer",
                study.name
            )));
        };
        let runs: Vec<(usize, &Run)> = study.runs.iter().filter_map(numbered).collect();
        let with = |status| runs.iter().filter(|(_, run)| status_of(run) == Some(status)).count();
        let space = arm.space();
        let observation = |run: &(usize, &Run)| observation(study, &space, *run);
        let observations: Vec<Observation> = runs.iter().filter_map(observation).collect();
        let full = runs.iter().filter(|(_, run)| status_of(run) != Some(Status::Pruned));
        let full: Vec<Observation> = full.filter_map(observation).collect();
        let importance = importance(&space, &observations).map(|mut importance| {
            importance.sort_by(|a, b| b.share.total_cmp(&a.share));
            importance
        });
        Ok(Findings {
            trials: runs.iter().filter(|(_, run)| run.outcome.is_some()).count(),
            pruned: with(Status::Pruned),
            lost: with(Status::Diverged) + with(Status::Failed),
            unclear: runs.iter().filter_map(|(_, run)| run.unclear.clone()).collect(),
            best: best(&runs),
            importance: importance.map_err(|reason| reason.to_string()),
            flatness: flatness(&space, &full, TOLERANCE),
        })
    }
}

fn numbered(run: &Run) -> Option<(usize, &Run)> {
    match run.stage {
        Stage::Tuning { number, .. } => Some((number, run)),
        Stage::Final => None,
    }
}

fn status_of(run: &Run) -> Option<Status> {
    run.outcome.as_ref().map(|outcome| outcome.status)
}

fn observation(study: &Comparison, space: &Space, (number, run): (usize, &Run)) -> Option<Observation> {
    let value = tuning::value_so_far(run.outcome.as_ref()?);
    let point = match run.point.len() == space.dimensions().len() {
        true => run.point.clone(),
        // A comparison does not record its tuning points, since they depend only on their numbers.
        false => {
            let tuning = &study.plan.tuning;
            let seed = tuning.point_seed(Replicate { number: run.replicate() });
            tuning.sampler.point(seed, space, number, &[])
        }
    };
    Some(Observation { number, point, value: value.is_finite().then_some(value) })
}

fn best(runs: &[(usize, &Run)]) -> Option<Best> {
    let valued = runs.iter().filter_map(|(number, run)| {
        let outcome = run.outcome.as_ref()?;
        let value = tuning::value(outcome);
        value.is_finite().then_some((*number, *run, outcome, value))
    });
    let (number, run, outcome, value) = valued.min_by(|a, b| a.3.total_cmp(&b.3))?;
    Some(Best {
        number,
        trial: run.trial.clone(),
        metric: outcome.metric.clone(),
        value: outcome.metric.direction.cost(value),
        // Seed 0 is not used by the search.
        command: command::train(&Trial { seed: 0, ..run.trial.clone() }),
    })
}
