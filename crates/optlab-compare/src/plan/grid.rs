//! Expands a plan into its arms on every workload and backend, and into their trials.

use crate::Error;
use crate::plan::arm::{Arm, grid_arms};
use crate::plan::entry::{Entry, Stage};
use crate::plan::tuning::{FIRST_SEED, Replicate};
use crate::plan::{Plan, Split, arm as arm_plan, size};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule;
use optlab_stats::search::{Sampler, Space};
use optlab_train::registry;
use optlab_train::train::{self, BatchSize, Budget, Recipe, Trial};
use std::collections::HashSet;
use std::fmt::Display;

/// The steps per epoch that are assumed when a schedule is checked before the real number is known. They are
/// so large that only a schedule with wrong settings is refused.
const LONG_EPOCH: usize = 100_000;

/// An arm on one workload and backend.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmOnWorkload {
    /// The arm, with its search space.
    pub arm: Arm,
    /// The arm's trial with the plan's settings, for seed 0.
    pub trial: Trial,
}

impl ArmOnWorkload {
    /// Returns the arm's trial at point `number` of a sampler that ignores results.
    ///
    /// # Errors
    /// The errors of [`setting::set`](crate::plan::setting::set).
    pub fn at_point_of(&self, sampler: Sampler, seed: u64, number: usize) -> Result<Trial, Error> {
        let space = self.arm.space();
        let point = sampler.point(seed, &space, number, &[]);
        arm_plan::at(&space, &self.trial, &point)
    }
}

impl Split {
    /// Returns `trial` with the test part of a seed of the plan.
    fn of_seed(self, trial: Trial, seed: Option<u64>) -> Trial {
        let split = if self == Split::Resampled { seed } else { trial.recipe.split };
        Trial { recipe: Recipe { split, ..trial.recipe }, ..trial }
    }
}

/// Returns the arms of each workload on each backend, which are compared with each other.
pub fn families(sides: &[ArmOnWorkload]) -> impl Iterator<Item = &[ArmOnWorkload]> {
    sides.chunk_by(|a, b| a.trial.workload == b.trial.workload && a.trial.backend == b.trial.backend)
}

impl Plan {
    /// Returns the arms with their search spaces; the arms of the grid come first.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) without any arm;
    /// [`UnknownName`](optlab_core::Error::UnknownName) for a reference that is not an arm;
    /// [`Usage`](optlab_core::Error::Usage) for two arms with the same name, or a space whose name is neither
    /// an arm nor a rule.
    pub fn arms(&self) -> Result<Vec<Arm>, Error> {
        size::check_arms(self.optimizers.len(), self.schedules.len(), self.arms.len())?;
        check_list("schedules", &self.schedules)?;
        check_list("optimizers", &self.optimizers)?;
        if self.optimizers.is_empty() && self.arms.is_empty() {
            return Err(Error::invalid("plan", "optimizers", "a list of at least one", "empty"));
        }
        let mut arms = grid_arms(&self.optimizers, &self.schedules);
        arms.extend(self.arms.iter().cloned());
        self.give_spaces(&mut arms)?;
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        check_list("arms", &names)?;
        match self.reference() {
            Some(reference) if !names.contains(&reference.as_str()) => {
                Err(Error::unknown_name("arm", &reference, &names))
            }
            _ => Ok(arms),
        }
    }

    /// Returns the name of the arm that the others are compared with, if the plan has one.
    pub fn reference(&self) -> Option<String> {
        self.reference.as_deref().map(called)
    }

    /// Gives each arm without its own space the one under its name, else the one under its rule's name, else
    /// the rule's default.
    fn give_spaces(&self, arms: &mut [Arm]) -> Result<(), Error> {
        let spaces = &self.tuning.spaces;
        // Each name is read once, for it may be the text of an optimizer.
        let called: Vec<String> = spaces.iter().map(|(name, _)| called(name)).collect();
        let is_for = |place: usize, arm: &Arm| {
            arm.name == called[place] || arm.optimizer.optimizer.name() == spaces[place].0
        };
        let is_for_none = |place: &usize| !arms.iter().any(|arm| is_for(*place, arm));
        if let Some(name) = (0..spaces.len()).find(is_for_none).map(|place| &spaces[place].0) {
            return Err(Error::usage(format!(
                "plan: `tuning.spaces` has `{name}`, which is neither an arm nor a rule of one"
            )));
        }
        for arm in arms.iter_mut().filter(|arm| arm.space.is_none()) {
            let by_name = called.iter().position(|name| *name == arm.name);
            let given = by_name.or_else(|| (0..spaces.len()).find(|place| is_for(*place, arm)));
            arm.space = Some(given.map_or_else(|| arm.space(), |place| spaces[place].1.clone()));
        }
        Ok(())
    }

    /// Returns every arm on every workload and backend, after checking it; the order is by workload, then
    /// backend, then arm.
    ///
    /// `defaults` returns the default trial of a workload, or an error for an unknown workload.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for an empty list or a value out of its range,
    /// [`Usage`](optlab_core::Error::Usage) for a duplicate in a list, and the errors of `defaults`.
    pub fn arms_on_workloads(
        &self,
        defaults: &dyn Fn(&str) -> Result<Trial, Error>,
    ) -> Result<Vec<ArmOnWorkload>, Error> {
        check_list("workloads", &self.workloads)?;
        check_list("backends", &self.backends)?;
        let seeds = self.seeds.to_vec()?;
        check_list("seeds", &seeds)?;
        self.tuning.validate()?;
        let arms = self.arms()?;
        size::check_trials(self, arms.len(), seeds.len())?;
        self.check_seeds()?;
        if self.split == Split::Resampled && self.tuning.trials > 0 && !self.tuning.is_repeated() {
            let allowed = "\"fixed\" with one tuning for all seeds (tuning.repeats = 1), which would see the test parts of others";
            return Err(Error::invalid("plan", "split", allowed, "resampled"));
        }
        let mut sides = Vec::new();
        for workload in &self.workloads {
            let own = defaults(workload)?;
            for backend in &self.backends {
                for arm in &arms {
                    let trial = arm.apply(self.trial(&own, backend, arm))?;
                    check(&trial)?;
                    if self.tuning.trials > 0 {
                        check_can_be_tuned(&trial)?;
                    }
                    if let (Split::Resampled, Some(split)) = (self.split, trial.recipe.split) {
                        let allowed = "left out where the plan's is \"resampled\", which numbers the splits by the seeds";
                        return Err(Error::invalid("trial", "split", allowed, split));
                    }
                    sides.push(ArmOnWorkload { arm: arm.clone(), trial });
                }
            }
        }
        Ok(sides)
    }

    /// Checks that no final trial can have a seed of the tuning.
    fn check_seeds(&self) -> Result<(), Error> {
        match self.seeds.to_vec()?.into_iter().find(|&seed| self.tuning.trials > 0 && seed >= FIRST_SEED) {
            None => Ok(()),
            Some(seed) => {
                let allowed = format!("below {FIRST_SEED}, where the seeds of tuning begin");
                Err(Error::invalid("plan", "seeds", &allowed, seed))
            }
        }
    }

    /// Returns the trials that are known before anything has run, in the order in which they run: the tuning
    /// trials, replicate by replicate, or without tuning the final trials, seed by seed.
    ///
    /// # Errors
    /// The errors of [`arms_on_workloads`](Self::arms_on_workloads); [`Usage`](optlab_core::Error::Usage) for
    /// two arms with the same trial.
    pub fn entries(&self, sides: &[ArmOnWorkload]) -> Result<Vec<Entry>, Error> {
        let seeds = self.seeds.to_vec()?;
        let mut entries = Vec::new();
        for family in families(sides) {
            if self.tuning.trials == 0 {
                let finals =
                    |&seed: &u64| family.iter().map(move |side| self.final_entry(side, &side.trial, seed));
                entries.extend(seeds.iter().flat_map(finals));
                continue;
            }
            for replicate in self.tuning.replicates(&seeds) {
                for side in family {
                    entries.extend(self.tuning_entries(side, replicate)?);
                }
            }
        }
        let is_final = |entry: &&Entry| entry.stage == Stage::Final;
        let mut seen = HashSet::new();
        match entries.iter().filter(is_final).find(|entry| !seen.insert(entry.trial.id())) {
            None => Ok(entries),
            Some(Entry { trial: twice, .. }) => Err(Error::usage(format!(
                "the plan holds the same trial twice: {} with {} at lr {} and {}",
                twice.workload, twice.optimizer, twice.lr, twice.schedule
            ))),
        }
    }

    /// Returns the number of trials that [`entries`](Self::entries) returns.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) without seeds.
    pub fn known_trials(&self) -> Result<usize, Error> {
        let seeds = self.seeds.to_vec()?;
        let of_arm = match self.tuning.trials {
            0 => seeds.len(),
            trials => self.tuning.replicates(&seeds).len() * trials * self.tuning.seeds as usize,
        };
        Ok(self.arm_count() * self.workloads.len() * self.backends.len() * of_arm)
    }

    /// Returns the number of arms that [`arms`](Self::arms) returns.
    pub fn arm_count(&self) -> usize {
        grid_arms(&self.optimizers, &self.schedules).len() + self.arms.len()
    }

    /// Returns the final trial of an arm with the settings of `trial` and this seed.
    pub fn final_entry(&self, side: &ArmOnWorkload, trial: &Trial, seed: u64) -> Entry {
        let trial = self.split.of_seed(trial.clone(), Some(seed));
        Entry::of_final(&side.arm.name, Trial { seed, ..trial })
    }

    /// Returns the tuning trials of an arm in a replicate, point by point.
    ///
    /// # Errors
    /// As for [`tuning_trial`](Self::tuning_trial); a trial out of range.
    fn tuning_entries(&self, side: &ArmOnWorkload, replicate: Replicate) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for number in 0..self.tuning.trials {
            let trial = self.tuning_trial(side, replicate, number)?;
            check(&trial)?;
            let trial = self.split.of_seed(trial, replicate.number);
            entries.extend(self.tuning.training_seeds(replicate).map(|seed| Entry {
                arm: side.arm.name.clone(),
                stage: Stage::Tuning { number, replicate: replicate.number },
                point: Vec::new(),
                trial: Trial { seed, ..trial.clone() },
            }));
        }
        Ok(entries)
    }

    /// Returns the trial at point `number` of an arm's search in a replicate, for seed 0.
    ///
    /// # Errors
    /// The errors of [`setting::set`](crate::plan::setting::set).
    pub fn tuning_trial(
        &self,
        side: &ArmOnWorkload,
        replicate: Replicate,
        number: usize,
    ) -> Result<Trial, Error> {
        side.at_point_of(self.tuning.sampler, self.tuning.point_seed(replicate), number)
    }

    /// Returns the search space of each arm by the arm's name, from the plan or by default from the rule.
    ///
    /// # Errors
    /// The errors of [`arms`](Self::arms).
    pub fn spaces(&self) -> Result<Vec<(String, Space)>, Error> {
        Ok(self.arms()?.into_iter().map(|arm| (arm.name.clone(), arm.space())).collect())
    }

    /// Creates a trial from the settings that the plan has for every arm, with the optimizer and schedule of
    /// `arm`.
    fn trial(&self, own: &Trial, backend: &str, arm: &Arm) -> Trial {
        Trial {
            workload: own.workload.clone(),
            model: self.model.clone(),
            optimizer: arm.optimizer.optimizer.clone(),
            schedule: arm.schedule.clone(),
            lr: arm.optimizer.learning_rate(),
            backend: backend.into(),
            seed: 0,
            recipe: own.recipe.clone().with(&self.recipe),
        }
    }
}

/// Returns the name of the arm that `name` means, since the same spec can be written in several ways.
fn called(name: &str) -> String {
    name.parse::<OptimizerChoice>().map_or_else(|_| name.into(), |arm| arm.to_string())
}

/// Checks that there is a validation part, which a search needs.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig).
pub fn check_can_be_tuned(trial: &Trial) -> Result<(), Error> {
    if trial.recipe.validation > 0.0 {
        return Ok(());
    }
    Err(Error::invalid(
        "trial",
        "validation",
        "above 0, since tuning is judged on the validation part",
        trial.recipe.validation,
    ))
}

/// Checks a trial, applies its settings of the model, and builds its optimizer and schedules once, so that a
/// value out of range stops the comparison before it begins.
pub(crate) fn check(trial: &Trial) -> Result<(), Error> {
    trial.validate()?;
    if !trial.model.is_empty() {
        registry::open_trial(trial)?;
    }
    let (total_steps, steps_per_epoch) = match trial.recipe.budget {
        Budget::Steps(steps) => (steps, 1),
        Budget::Epochs(epochs) => (epochs.saturating_mul(LONG_EPOCH), LONG_EPOCH),
    };
    let is_fixed = matches!(trial.recipe.batch_size, BatchSize::Fixed(_));
    if !is_fixed {
        let own = registry::open_trial(trial)?.info().batch_size;
        trial.recipe.batch_size.check(own, trial.recipe.budget)?;
    }
    // Where batches change their size, epochs have no common number of steps.
    let steps_per_epoch = is_fixed.then_some(steps_per_epoch);
    let run = schedule::Run { lr: trial.lr, total_steps, steps_per_epoch };
    let optimizer = trial.optimizer.build_for(run)?;
    train::check_schedules(&trial.schedule, optimizer.groups(), run)
}

fn check_list<T: Display>(key: &str, list: &[T]) -> Result<(), Error> {
    if list.is_empty() && key != "optimizers" {
        return Err(Error::invalid("plan", key, "a list of at least one", "empty"));
    }
    let mut seen = HashSet::new();
    match list.iter().map(T::to_string).find(|text| !seen.insert(text.clone())) {
        None => Ok(()),
        Some(twice) => Err(Error::usage(format!("plan: `{key}` names `{twice}` twice"))),
    }
}
