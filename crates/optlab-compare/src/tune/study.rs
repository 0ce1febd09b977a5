//! Searches for the best settings of one optimizer: the point of each trial may depend on the results of
//! earlier trials, and a trial that is worse than others may be pruned.
//!
//! The folder of a study is a comparison folder with one arm that has only tuning trials. Each trial is
//! written before it runs and each outcome when it ends, so a study that was stopped resumes and runs nothing
//! twice.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::plan::grid::{ArmOnWorkload, check_can_be_tuned};
use crate::plan::tuning::{self, FIRST_SEED, MOST_TRIALS, Tuning};
use crate::plan::{Plan, arm as arm_plan};
use crate::run::events::RunnerEvents;
use crate::run::events::{Next, Queue};
use crate::run::folder::{self, Folder, Invocation, Kind, PLAN};
use crate::run::runner::Runner;
use crate::run::worker::{Evaluated, Measure};
use optlab_core::Direction;
use optlab_core::range::check_seed;
use optlab_stats::search::{Observation, Reports, Space};
use optlab_train::train::history::{self, Part, Row};
use optlab_train::train::{Outcome, Status, Trial};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// A study that is ready to run.
#[derive(Debug)]
pub struct Study {
    plan: Plan,
    side: ArmOnWorkload,
    space: Space,
}

impl Study {
    /// Creates the study of a plan with one workload, one backend and one arm.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a plan with more of them; the errors of
    /// [`Plan::arms_on_workloads`].
    pub fn new(plan: Plan, defaults: &dyn Fn(&str) -> Result<Trial, Error>) -> Result<Self, Error> {
        // A study allows the samplers and pruners that a comparison refuses, so the plan is checked without
        // them.
        let checked = Plan {
            tuning: Tuning { spaces: plan.tuning.spaces.clone(), ..Tuning::default() },
            ..plan.clone()
        };
        let mut sides = checked.arms_on_workloads(defaults)?;
        if !(1..=MOST_TRIALS).contains(&plan.tuning.trials) {
            let allowed = format!("at least 1 and at most {MOST_TRIALS}");
            return Err(Error::invalid("study", "trials", &allowed, plan.tuning.trials));
        }
        check_seed("study", "seed", plan.tuning.seed)?;
        let (Some(side), true) = (sides.pop(), sides.is_empty()) else {
            return Err(Error::usage("a study has one workload, one backend and one optimizer"));
        };
        check_can_be_tuned(&side.trial)?;
        let space = side.arm.space();
        let study = Study { plan, side, space };
        // Reports a search space with a field that the rule does not have, or beyond a field's range, before
        // anything runs.
        let middle = vec![0.5; study.space.dimensions().len()];
        study.trial(&middle)?;
        for (place, end) in (0..middle.len()).flat_map(|place| [(place, 0.0), (place, 1.0 - 1e-9)]) {
            let mut point = middle.clone();
            point[place] = end;
            study.trial(&point)?;
        }
        Ok(study)
    }

    /// Creates the study's folder at `path`, or resumes it.
    ///
    /// # Errors
    /// The errors of [`Folder::claim`].
    pub fn claim(&self, path: &Path, invocation: &Invocation) -> Result<Folder, Error> {
        claim(&self.plan, path, Kind::Study, invocation)
    }

    /// Runs the trials that are missing in `folder`.
    ///
    /// # Errors
    /// The errors of [`Runner::run_queue`].
    pub fn run(&self, folder: &Folder, runner: &Runner, events: &mut dyn RunnerEvents) -> Result<(), Error> {
        let mut search = Search::new(self, folder)?;
        events.planned(self.plan.tuning.trials);
        for (number, done) in &search.done {
            events.skipped(*number, &done.trial, &done.outcome);
        }
        let runner = Runner { is_brief: true, ..runner.clone() };
        runner.run_queue(folder, &mut search, events)
    }

    /// Returns the trial at a point.
    fn trial(&self, point: &[f64]) -> Result<Trial, Error> {
        let trial = arm_plan::at(&self.space, &self.side.trial, point)?;
        trial.validate()?;
        trial.optimizer.build()?;
        Ok(Trial { seed: FIRST_SEED, ..trial })
    }
}

/// Creates the folder of a search at `path`, or resumes it with its trials if they are of the same plan. The
/// trials of a search are added while it runs.
pub(super) fn claim(plan: &Plan, path: &Path, kind: Kind, invocation: &Invocation) -> Result<Folder, Error> {
    let plan_path = path.join(PLAN);
    let is_ours = plan_path.exists() && Plan::read(&plan_path)?.id()? == plan.id()?;
    let entries = if is_ours { folder::read_entries(path)? } else { Vec::new() };
    Folder::claim(path, kind, &plan.to_toml()?, &entries, invocation)
}

/// A trial that ended.
struct Done {
    trial: Trial,
    point: Vec<f64>,
    outcome: Outcome,
}

/// A running study.
struct Search<'a> {
    study: &'a Study,
    folder: &'a Folder,
    /// The trials that ended, by their numbers.
    done: BTreeMap<usize, Done>,
    /// The trials that were begun earlier and have not ended.
    unfinished: VecDeque<(usize, Trial)>,
    /// The points of the trials that were begun, by their numbers.
    points: BTreeMap<usize, Vec<f64>>,
    /// The evaluations of each trial by their steps; smaller is better.
    reports: BTreeMap<usize, BTreeMap<usize, f64>>,
    measure: Option<Measure>,
}

impl<'a> Search<'a> {
    /// Loads the state of the search from `folder`.
    fn new(study: &'a Study, folder: &'a Folder) -> Result<Self, Error> {
        let mut search = Search {
            study,
            folder,
            done: BTreeMap::new(),
            unfinished: VecDeque::new(),
            points: BTreeMap::new(),
            reports: BTreeMap::new(),
            measure: None,
        };
        for Entry { stage, point, trial, .. } in folder::read_entries(folder.path())? {
            let Stage::Tuning { number, .. } = stage else { continue };
            search.points.insert(number, point.clone());
            match folder.read_outcome(&trial)?.filter(|outcome| outcome.status != Status::Failed) {
                Some(outcome) => {
                    search.read_reports(number, &trial, outcome.metric.direction)?;
                    search.done.insert(number, Done { trial, point, outcome });
                }
                None => search.unfinished.push_back((number, trial)),
            }
        }
        Ok(search)
    }

    fn read_reports(&mut self, number: usize, trial: &Trial, direction: Direction) -> Result<(), Error> {
        let path = self.folder.run_dir(trial).join("history.jsonl");
        if !path.exists() {
            return Ok(());
        }
        for row in history::read_evaluations(&path)? {
            if let Row::Evaluation { step, part: Part::Validation, metric: Some(metric), .. } = row {
                self.report(number, step, metric, direction);
            }
        }
        Ok(())
    }

    fn report(&mut self, number: usize, step: usize, metric: f64, direction: Direction) {
        let value = direction.cost(metric);
        self.reports.entry(number).or_default().insert(step, value);
    }

    /// Returns the trials that ended so far, in the form that the sampler needs.
    fn observations(&self) -> Vec<Observation> {
        let observation = |(&number, done): (&usize, &Done)| {
            let value = tuning::value_so_far(&done.outcome);
            Observation { number, point: done.point.clone(), value: value.is_finite().then_some(value) }
        };
        self.done.iter().map(observation).collect()
    }
}

impl Queue for Search<'_> {
    fn next(&mut self) -> Result<Next, Error> {
        if let Some((index, trial)) = self.unfinished.pop_front() {
            let direction =
                self.measure.as_ref().map_or(Direction::Larger, |measure| measure.metric.direction);
            self.read_reports(index, &trial, direction)?;
            return Ok(Next::Trial { index, trial: Box::new(trial) });
        }
        let tuning = &self.study.plan.tuning;
        let index = self.points.keys().next_back().map_or(0, |last| last + 1);
        if index >= tuning.trials {
            return Ok(Next::Wait);
        }
        let point = tuning.sampler.point(tuning.seed, &self.study.space, index, &self.observations());
        let trial = self.study.trial(&point)?;
        self.points.insert(index, point.clone());
        self.folder.append(&Entry {
            arm: self.study.side.arm.name.clone(),
            stage: Stage::Tuning { number: index, replicate: None },
            point,
            trial: trial.clone(),
        })?;
        // Two points may have the same settings, so the outcome may already exist.
        if let Some(outcome) = self.folder.read_outcome(&trial)? {
            self.finished(index, &trial, outcome)?;
            return self.next();
        }
        Ok(Next::Trial { index, trial: Box::new(trial) })
    }

    fn begins(&mut self, _index: usize, measure: &Measure) {
        self.measure = Some(measure.clone());
    }

    fn prunes(&mut self, index: usize, _trial: &Trial, evaluated: &Evaluated) -> bool {
        let Some(measure) = self.measure.clone() else { return false };
        self.report(index, evaluated.step, evaluated.score.metric, measure.metric.direction);
        let values = |reports: &BTreeMap<usize, f64>| reports.values().copied().collect::<Vec<f64>>();
        let others = self.reports.iter().filter(|(number, _)| **number != index);
        let others: Vec<Reports> =
            others.map(|(&number, reports)| Reports { number, values: values(reports) }).collect();
        let own = self.reports.get(&index).map(values).unwrap_or_default();
        self.study.plan.tuning.pruner.prunes(measure.evaluations, index, &own, &others)
    }

    fn finished(&mut self, index: usize, trial: &Trial, outcome: Outcome) -> Result<(), Error> {
        let point = self.points.get(&index).cloned().unwrap_or_default();
        self.done.insert(index, Done { trial: trial.clone(), point, outcome });
        Ok(())
    }
}
