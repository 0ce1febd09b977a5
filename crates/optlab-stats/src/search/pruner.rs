//! The decision which trials to stop early.

use crate::Error;
use crate::statistics::describe::median;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The rule by which a trial is stopped early.
///
/// | pruner | stops a trial that | when |
/// |:-------|:-------------------|:-----|
/// | `none` | – | never |
/// | `median` | has a best value so far that is worse than the median of the finished trials at the same evaluation (Golovin et al., 2017) | at every evaluation, after five trials |
/// | `asha` | is not among the best quarter of the trials that reached the same evaluation (Li et al., 2020) | after 1, 4, 16, … evaluations |
/// | `hyperband` | is not among the best third of the trials of its bracket that reached the same evaluation (Li et al., 2018) | from a number of evaluations on that depends on the bracket |
///
/// The text form is the name alone; it gives the default settings below.
///
/// # References
/// Golovin et al., *Google Vizier: A Service for Black-Box Optimization*, 2017 (its median stopping rule, in
/// the form of Optuna's `MedianPruner`: its best value so far, and the values of finished trials at the same
/// evaluation); Li et al., *A System for Massively Parallel Hyperparameter Tuning*, 2020,
/// <https://arxiv.org/abs/1810.05934>; Li et al., *Hyperband: A Novel Bandit-Based Approach to Hyperparameter
/// Optimization*, 2018, <https://arxiv.org/abs/1603.06560>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pruner {
    /// No trial is stopped.
    None,
    /// Compares a trial with the median of the finished trials.
    Median {
        /// The number of trials that must be finished first; the default is 5.
        startup_trials: usize,
        /// The number of first evaluations at which a trial is never stopped; the default is 0.
        warmup_evaluations: usize,
    },
    /// Asynchronous successive halving.
    Asha {
        /// The number of evaluations before the first decision, at least 1; the default is 1.
        minimum: usize,
        /// `η`: one of `η` trials continues, to `η` times the evaluations. At least 2; the default is 4.
        reduction_factor: usize,
    },
    /// Several successive halvings with different minima, so that slow starters have a chance.
    Hyperband {
        /// The number of evaluations before the first decision of the earliest bracket, at least 1; the
        /// default is 1.
        minimum: usize,
        /// `η`, at least 2; the default is 3.
        reduction_factor: usize,
    },
}

/// The reported values of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reports {
    /// The number of the trial, from 0.
    pub number: usize,
    /// Its values, one per evaluation, smaller is better; `+∞` if it diverged, never NaN.
    pub values: Vec<f64>,
}

impl Pruner {
    /// All pruners, with their published settings.
    pub const ALL: [Pruner; 4] = [
        Pruner::None,
        Pruner::Median { startup_trials: 5, warmup_evaluations: 0 },
        Pruner::Asha { minimum: 1, reduction_factor: 4 },
        Pruner::Hyperband { minimum: 1, reduction_factor: 3 },
    ];

    /// Returns whether trial `number` should be stopped after its `reports`, one per evaluation so far.
    ///
    /// `total` is the number of evaluations of a complete trial. `others` are the trials so far; the trial
    /// itself is ignored if it is among them. Call this pure function after every evaluation, otherwise a
    /// decision is missed. The first trial is never stopped, nor is a complete one.
    pub fn prunes(self, total: usize, number: usize, reports: &[f64], others: &[Reports]) -> bool {
        if reports.is_empty() || reports.len() >= total {
            return false;
        }
        let others = others.iter().filter(|other| other.number != number);
        match self {
            Pruner::None => false,
            Pruner::Median { startup_trials, warmup_evaluations } => {
                let finished = others.filter(|other| other.values.len() >= total);
                let there: Vec<f64> = finished.map(|other| other.values[reports.len() - 1]).collect();
                let best = reports.iter().copied().fold(f64::INFINITY, f64::min);
                reports.len() > warmup_evaluations
                    && there.len() >= startup_trials
                    && median(&there).is_some_and(|median| best > median)
            }
            Pruner::Asha { minimum, reduction_factor } => {
                is_rung(reports.len(), minimum, reduction_factor)
                    && is_behind(reports, others, reduction_factor)
            }
            Pruner::Hyperband { minimum, reduction_factor } => {
                let brackets = Brackets::new(total, minimum, reduction_factor);
                let bracket = brackets.of(number);
                is_rung(reports.len(), brackets.minimum(bracket), reduction_factor)
                    && is_behind(
                        reports,
                        others.filter(|other| brackets.of(other.number) == bracket),
                        reduction_factor,
                    )
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Pruner::None => "none",
            Pruner::Median { .. } => "median",
            Pruner::Asha { .. } => "asha",
            Pruner::Hyperband { .. } => "hyperband",
        }
    }
}

/// Returns whether `evaluations` is `minimum ηᵏ` for a whole `k`.
fn is_rung(evaluations: usize, minimum: usize, eta: usize) -> bool {
    let mut rung = minimum.max(1);
    while rung < evaluations {
        rung = rung.saturating_mul(eta.max(2));
    }
    rung == evaluations
}

/// Returns whether the last report is worse than the best `1/η` (at least one) of all trials with a report at
/// the same evaluation. With a tie it is not worse.
fn is_behind<'a>(reports: &[f64], others: impl Iterator<Item = &'a Reports>, eta: usize) -> bool {
    let place = reports.len() - 1;
    let mut there: Vec<f64> = others.filter_map(|other| other.values.get(place).copied()).collect();
    there.push(reports[place]);
    there.sort_by(f64::total_cmp);
    let going_on = (there.len() / eta.max(2)).max(1);
    reports[place] > there[going_on - 1]
}

/// Hyperband's brackets: from `s = 0`, which never stops a trial, to the largest `s`, which decides after the
/// minimum.
struct Brackets {
    minimum: usize,
    eta: usize,
    /// The number of brackets, one more than the largest `s`.
    count: u32,
}

impl Brackets {
    fn new(total: usize, minimum: usize, eta: usize) -> Self {
        let (minimum, eta) = (minimum.max(1), eta.max(2));
        // s_max = ⌊log_η(R / r)⌋
        let largest = (total / minimum).checked_ilog(eta).unwrap_or(0);
        Brackets { minimum, eta, count: largest + 1 }
    }

    /// Returns the number of evaluations before the first decision of bracket `s`: `r η^(s_max − s)`.
    fn minimum(&self, bracket: u32) -> usize {
        self.minimum * self.eta.pow(self.count - 1 - bracket)
    }

    /// Returns the number of trials of bracket `s` in one round: `⌈(s_max + 1) / (s + 1) ηˢ⌉` (algorithm 1 of
    /// the paper).
    fn size(&self, bracket: u32) -> i64 {
        (self.count as usize * self.eta.pow(bracket)).div_ceil(bracket as usize + 1) as i64
    }

    /// Returns the bracket of a trial. Brackets take turns, so that any number of trials is divided in
    /// proportion to the brackets' sizes: in each turn every bracket gains its size in credit, and the one
    /// with the most credit gets the trial and pays the sum of all sizes.
    fn of(&self, number: usize) -> u32 {
        let sizes: Vec<i64> = (0..self.count).map(|bracket| self.size(bracket)).collect();
        let round: i64 = sizes.iter().sum();
        let mut credit = vec![0; sizes.len()];
        let mut turn = 0;
        for _ in 0..=number % round as usize {
            credit.iter_mut().zip(&sizes).for_each(|(credit, size)| *credit += size);
            turn = (0..credit.len()).max_by_key(|bracket| credit[*bracket]).unwrap_or(0);
            credit[turn] -= round;
        }
        turn as u32
    }
}

impl fmt::Display for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Pruner {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Pruner::ALL.map(Pruner::name);
        let found = Pruner::ALL.into_iter().find(|pruner| pruner.name() == text);
        found.ok_or_else(|| Error::unknown_name("pruner", text, &known))
    }
}

#[cfg(test)]
mod tests;
