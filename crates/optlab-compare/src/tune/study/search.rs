//! A running study: the queue of its trials.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::plan::tuning;
use crate::run::events::{Next, Queue};
use crate::run::folder::{self, Folder};
use crate::run::worker::{Evaluated, Measure};
use crate::tune::study::Study;
use optlab_core::Direction;
use optlab_stats::search::{Observation, Pruner, Reports};
use optlab_train::train::history::{Part, Row};
use optlab_train::train::{Outcome, RunDirectory, Status, Trial};
use std::collections::{BTreeMap, VecDeque};

/// A trial that ended.
struct Done {
    trial: Trial,
    point: Vec<f64>,
    outcome: Outcome,
}

/// The metric of a trial after each step at which it was evaluated.
type Evaluations = BTreeMap<usize, f64>;

/// A running study.
pub(super) struct Search<'a> {
    study: &'a Study,
    folder: &'a Folder,
    /// The trials that ended, by their numbers.
    done: BTreeMap<usize, Done>,
    /// The trials that were begun earlier and have not ended.
    unfinished: VecDeque<(usize, Trial)>,
    /// The trials that are running.
    running: BTreeMap<usize, Trial>,
    /// The trials that have the settings of a running one, whose outcome will be theirs.
    waiting: Vec<(usize, Trial)>,
    /// The points of the trials that were begun, by their numbers.
    points: BTreeMap<usize, Vec<f64>>,
    /// The evaluations of the trials that were begun, by their numbers.
    evaluations: BTreeMap<usize, Evaluations>,
    measure: Option<Measure>,
}

impl<'a> Search<'a> {
    /// Loads the state of the search from `folder`.
    pub fn new(study: &'a Study, folder: &'a Folder) -> Result<Self, Error> {
        let mut search = Search {
            study,
            folder,
            done: BTreeMap::new(),
            unfinished: VecDeque::new(),
            running: BTreeMap::new(),
            waiting: Vec::new(),
            points: BTreeMap::new(),
            evaluations: BTreeMap::new(),
            measure: None,
        };
        let listed = folder::read_entries(folder.path())?;
        let (entries, altered): (Vec<Entry>, Vec<Entry>) =
            listed.into_iter().partition(|entry| search.is_believed(entry));
        if !altered.is_empty() {
            // Their numbers are free again. A run of the true trial, if there is one, is found by its name.
            folder.extend_entries(&entries)?;
        }
        for Entry { stage, point, trial, .. } in entries {
            let Stage::Tuning { number, .. } = stage else { continue };
            search.points.insert(number, point.clone());
            match search.result(number, &trial)? {
                Some(outcome) => {
                    search.done.insert(number, Done { trial, point, outcome });
                }
                None => search.unfinished.push_back((number, trial)),
            }
        }
        Ok(search)
    }

    /// Returns the trials that ended so far, with their numbers.
    pub fn ended(&self) -> impl Iterator<Item = (usize, &Trial, &Outcome)> {
        self.done.iter().map(|(&number, done)| (number, &done.trial, &done.outcome))
    }

    /// Returns whether a line of the list is what this study wrote: a trial that has run, or the trial at its
    /// point.
    fn is_believed(&self, entry: &Entry) -> bool {
        let has_point = entry.point.len() == self.study.space.dimensions().len();
        has_point
            && (RunDirectory::new(self.folder.run_dir(&entry.trial)).holds_run()
                || self.study.trial(&entry.point).is_ok_and(|trial| trial == entry.trial))
    }

    /// Returns the outcome of a trial that ended earlier, and takes its evaluations into account; `None` if
    /// the trial has to run: it has not ended, has failed, or its evaluations are damaged.
    fn result(&mut self, number: usize, trial: &Trial) -> Result<Option<Outcome>, Error> {
        let outcome = self.folder.read_outcome(trial)?;
        let Some(outcome) = outcome.filter(|outcome| outcome.status != Status::Failed) else {
            return Ok(None);
        };
        let Ok(evaluations) = self.read_evaluations(trial) else { return Ok(None) };
        self.evaluations.insert(number, evaluations);
        Ok(Some(outcome))
    }

    fn read_evaluations(&self, trial: &Trial) -> Result<Evaluations, Error> {
        let run = RunDirectory::new(self.folder.run_dir(trial));
        let evaluation = |row| match row {
            Row::Evaluation { step, part: Part::Validation, metric, .. } => {
                Some((step, metric.unwrap_or(f64::NAN)))
            }
            _ => None,
        };
        Ok(run.read_evaluations()?.into_iter().filter_map(evaluation).collect())
    }

    /// Returns the trials that ended so far, in the form that the sampler needs.
    fn observations(&self) -> Vec<Observation> {
        let observation = |(&number, done): (&usize, &Done)| {
            let value = tuning::value_so_far(&done.outcome);
            Observation { number, point: done.point.clone(), value: value.is_finite().then_some(value) }
        };
        self.done.iter().map(observation).collect()
    }

    /// Returns the lowest number that no trial has; `None` if the study has all its trials.
    fn free_number(&self) -> Option<usize> {
        let used = self.points.len();
        // Without a gap in the list the numbers are 0, 1, …
        let is_dense = self.points.keys().next_back().is_none_or(|last| last + 1 == used);
        let free = match is_dense {
            true => used,
            false => (0..).zip(self.points.keys()).find(|(at, number)| at != *number)?.0,
        };
        (free < self.study.plan.tuning.trials).then_some(free)
    }

    /// Begins a trial; returns `None` if it need not run, since one with the same settings is running.
    fn begin(&mut self, index: usize, trial: Trial) -> Option<Next> {
        if self.running.values().any(|running| *running == trial) {
            self.waiting.push((index, trial));
            return None;
        }
        // What its worker will not evaluate again, after a checkpoint. Its worker reports damage.
        let evaluations = self.read_evaluations(&trial).unwrap_or_default();
        self.evaluations.insert(index, evaluations);
        self.running.insert(index, trial.clone());
        Some(Next::Trial { index, trial: Box::new(trial) })
    }

    fn end(&mut self, index: usize, trial: Trial, outcome: Outcome) {
        let point = self.points.get(&index).cloned().unwrap_or_default();
        self.done.insert(index, Done { trial, point, outcome });
    }
}

/// Returns the values at the first `evaluations` for a pruner, where smaller is better.
fn costs<'a>(direction: Direction, evaluations: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let cost = |&metric: &f64| Some(direction.cost(metric)).filter(|cost| !cost.is_nan());
    evaluations.map(|metric| cost(metric).unwrap_or(f64::INFINITY)).collect()
}

impl Queue for Search<'_> {
    fn next(&mut self) -> Result<Next, Error> {
        loop {
            if let Some((index, trial)) = self.unfinished.pop_front() {
                if let Some(next) = self.begin(index, trial) {
                    return Ok(next);
                }
                continue;
            }
            let Some(index) = self.free_number() else { return Ok(Next::Wait) };
            let tuning = &self.study.plan.tuning;
            let point = tuning.sampler.point(tuning.seed, &self.study.space, index, &self.observations());
            let trial = self.study.trial(&point)?;
            self.points.insert(index, point.clone());
            self.folder.append(&[Entry {
                arm: self.study.side.arm.name.clone(),
                stage: Stage::Tuning { number: index, replicate: None },
                point,
                trial: trial.clone(),
            }])?;
            // Two points may have the same settings, and a line of the list may have been lost, so the
            // outcome may already exist.
            if let Some(outcome) = self.result(index, &trial)? {
                self.end(index, trial, outcome);
            } else if let Some(next) = self.begin(index, trial) {
                return Ok(next);
            }
        }
    }

    fn judges(&self) -> bool {
        self.study.plan.tuning.pruner != Pruner::None
    }

    fn begins(&mut self, _index: usize, measure: &Measure) {
        self.measure = Some(measure.clone());
    }

    fn prunes(&mut self, index: usize, _trial: &Trial, evaluated: &Evaluated) -> bool {
        let Some(measure) = self.measure.clone() else { return false };
        let own = self.evaluations.entry(index).or_default();
        own.insert(evaluated.step, evaluated.score.metric);
        let direction = measure.metric.direction;
        // A run that resumed has later evaluations in its history, if they were not at a checkpoint.
        let own = costs(direction, own.range(..=evaluated.step).map(|(_, metric)| metric));
        let others = self.evaluations.iter().filter(|(number, _)| **number != index);
        let others = others
            .map(|(&number, evaluations)| Reports { number, values: costs(direction, evaluations.values()) });
        let others: Vec<Reports> = others.collect();
        self.study.plan.tuning.pruner.prunes(measure.evaluations, index, &own, &others)
    }

    fn finished(&mut self, index: usize, trial: &Trial, outcome: Outcome) -> Result<(), Error> {
        self.running.remove(&index);
        let (same, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(_, it)| it == trial);
        self.waiting = waiting;
        let same: Vec<(usize, Trial)> = same;
        for (number, trial) in same {
            let evaluations = self.evaluations.get(&index).cloned().unwrap_or_default();
            self.evaluations.insert(number, evaluations);
            self.end(number, trial, outcome.clone());
        }
        self.end(index, trial.clone(), outcome);
        Ok(())
    }
}
