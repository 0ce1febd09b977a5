//! The choice of a recommendation, made from its folder: by the validation part, and how sure it is.

use crate::plan::tuning;
use crate::result::comparison::Comparison;
use optlab_core::random::{Purpose, stream};
use optlab_train::train::{Budget, Recipe, Trial};
use rand::RngExt;
use std::collections::BTreeMap;

/// The name of the arm that every choice is compared with: AdamW at its defaults, which is not searched.
pub const BASELINE: &str = "adamw at its defaults";

/// Number of optimizers with final runs.
pub const FINALISTS: usize = 3;

/// Number of histories that are drawn.
const HISTORIES: u64 = 1000;

/// The arm that a recommendation chooses, and how sure the choice is.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The arm.
    pub arm: String,
    /// The share of the drawn histories that choose the same arm.
    pub share: f64,
}

/// The search for one arm's settings as it went. A setting is named by its place among `tried`.
#[derive(Default)]
struct ArmHistory<'a> {
    name: &'a str,
    /// The settings of the first rung.
    tried: Vec<Trial>,
    /// The settings that reached the last rung, with their costs there.
    last_rung: Vec<(usize, f64)>,
    /// The setting of the final runs.
    finalist: Option<usize>,
    /// The costs of the final runs by their seeds.
    finals: BTreeMap<u64, f64>,
}

impl Choice {
    /// Returns the choice of a recommendation; `None` while no arm has final runs.
    ///
    /// An arm's value is the mean, over the final seeds, of the best metric on the validation part; the arm
    /// with the best value is chosen, so the test part decides nothing.
    ///
    /// The share tells how sure the procedure is. A history is drawn by drawing the settings of each arm, and
    /// the final seeds, with replacement, and choosing from them in the same way: the three arms whose best
    /// setting on the last rung is the best, then the best of these. A setting without final runs keeps its
    /// value of the last rung.
    pub fn of(comparison: &Comparison) -> Option<Self> {
        let arms = histories(comparison);
        let (chosen, seeds) = chosen(&arms)?;
        let same = (0..HISTORIES).filter(|&history| {
            let mut random = stream(comparison.plan.tuning.seed, Purpose::Resamples, history);
            let mut draw =
                |count: usize| -> Vec<usize> { (0..count).map(|_| random.random_range(0..count)).collect() };
            let settings: Vec<Vec<usize>> = arms.iter().map(|arm| draw(arm.tried.len())).collect();
            let seeds = draw(seeds);
            choose(&arms, &settings, &seeds) == Some(chosen)
        });
        let share = same.count() as f64 / HISTORIES as f64;
        Some(Choice { arm: arms[chosen].name.into(), share })
    }

    /// Returns the arm of the choice alone, without drawing histories.
    pub fn arm_of(comparison: &Comparison) -> Option<String> {
        let arms = histories(comparison);
        chosen(&arms).map(|(chosen, _)| arms[chosen].name.into())
    }
}

/// Returns the arm whose final runs have the best mean, and the number of seeds that all final arms have.
fn chosen(arms: &[ArmHistory]) -> Option<(usize, usize)> {
    let finalists = || (0..arms.len()).filter(|&arm| arms[arm].finalist.is_some());
    let seeds = finalists().map(|arm| arms[arm].finals.len()).min()?;
    let all: Vec<usize> = (0..seeds).collect();
    let chosen = finalists().min_by(|&a, &b| arms[a].mean(&all).total_cmp(&arms[b].mean(&all)))?;
    Some((chosen, seeds))
}

/// Returns the arm that is chosen if each arm had tried only these of its settings, and the final runs these
/// seeds.
fn choose(arms: &[ArmHistory], settings: &[Vec<usize>], seeds: &[usize]) -> Option<usize> {
    let best = |arm: usize| {
        let rung = arms[arm].last_rung.iter().copied();
        let drawn = rung.filter(|(setting, cost)| settings[arm].contains(setting) && cost.is_finite());
        drawn.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(setting, cost)| (arm, setting, cost))
    };
    let mut ranked: Vec<(usize, usize, f64)> = (0..arms.len()).filter_map(best).collect();
    ranked.sort_by(|a, b| a.2.total_cmp(&b.2));
    let value = |&(arm, setting, cost): &(usize, usize, f64)| match arms[arm].finalist {
        Some(finalist) if finalist == setting => arms[arm].mean(seeds),
        _ => cost,
    };
    let finalists = ranked.iter().take(FINALISTS);
    finalists.min_by(|a, b| value(a).total_cmp(&value(b))).map(|(arm, ..)| *arm)
}

impl ArmHistory<'_> {
    /// Returns the place of `setting` among those tried, to which it is added if it is new.
    fn place(&mut self, setting: Trial) -> usize {
        self.tried.iter().position(|tried| *tried == setting).unwrap_or_else(|| {
            self.tried.push(setting);
            self.tried.len() - 1
        })
    }

    /// Returns the mean cost of the final runs at these places in the order of their seeds.
    fn mean(&self, places: &[usize]) -> f64 {
        let costs: Vec<f64> = self.finals.values().copied().collect();
        places.iter().map(|&place| costs[place]).sum::<f64>() / places.len() as f64
    }
}

/// Returns the history of each arm that was searched, in the plan's order.
fn histories(comparison: &Comparison) -> Vec<ArmHistory<'_>> {
    // Each rung has a seed of its own; with one epoch all have the same length.
    let rungs = comparison.runs.iter().filter(|run| !run.is_final()).map(|run| run.trial.seed);
    let last_rung = rungs.max();
    let mut arms: Vec<ArmHistory> = Vec::new();
    for run in comparison.runs.iter().filter(|run| run.arm != BASELINE) {
        let Some(cost) = run.outcome.as_ref().map(tuning::value) else { continue };
        let place = arms.iter().position(|arm| arm.name == run.arm).unwrap_or_else(|| {
            arms.push(ArmHistory { name: &run.arm, ..ArmHistory::default() });
            arms.len() - 1
        });
        let arm = &mut arms[place];
        // Every setting of a later rung was on the first.
        let setting = arm.place(setting(&run.trial));
        if run.is_final() {
            arm.finalist = Some(setting);
            arm.finals.insert(run.trial.seed, cost);
        } else if Some(run.trial.seed) == last_rung {
            arm.last_rung.push((setting, cost));
        }
    }
    arms
}

/// Returns a trial without what differs between the rungs.
fn setting(trial: &Trial) -> Trial {
    let recipe = Recipe { budget: Budget::Epochs(1), ..trial.recipe.clone() };
    Trial { seed: 0, recipe, ..trial.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{comparison, outcome, trial, tuning_run};
    use crate::plan::entry::Stage;
    use crate::result::comparison::Run;
    use crate::run::folder::Kind;
    use optlab_train::train::{Outcome, Score};

    fn with_epochs(trial: Trial, epochs: usize) -> Trial {
        Trial { recipe: Recipe { budget: Budget::Epochs(epochs), ..trial.recipe }, ..trial }
    }

    /// Returns a recommendation between arms, each given as the best validation accuracy of its settings (the
    /// same on both rungs) and its accuracy on the validation and the test part of four final runs.
    fn recommendation(arms: &[(&str, &[f64], f64, f64)]) -> Comparison {
        let mut runs = Vec::new();
        for (arm, settings, validation, test) in arms {
            let setting =
                |place: usize| Trial { lr: 0.001 * (place + 1) as f64, ..trial("digits-cnn", arm, 0) };
            let best =
                settings.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place);
            for (rung, epochs) in [1, 9].into_iter().enumerate() {
                for (place, metric) in settings.iter().enumerate() {
                    let trial =
                        with_epochs(Trial { seed: 1_000_000 + rung as u64, ..setting(place) }, epochs);
                    runs.push(tuning_run(arm, place, trial, outcome(*metric, None)));
                }
            }
            for seed in 0..4 {
                let wave = 0.001 * (seed % 2) as f64;
                let score = |metric: f64| Some(Score::new(1.0 - metric, metric + wave));
                let outcome =
                    Outcome { best_validation: score(*validation), test: score(*test), ..outcome(0.5, None) };
                let trial = with_epochs(Trial { seed, ..setting(best) }, 9);
                runs.push(Run { stage: Stage::Final, ..tuning_run(arm, 0, trial, outcome) });
            }
        }
        Comparison { kind: Kind::Recommendation, ..comparison(runs) }
    }

    #[test]
    fn the_validation_part_chooses_and_the_test_part_decides_nothing() {
        let arms: [(&str, &[f64], f64, f64); 2] =
            [("adamw", &[0.9, 0.8], 0.97, 0.90), ("lion", &[0.89, 0.7], 0.95, 0.99)];
        let choice = Choice::of(&recommendation(&arms)).unwrap();
        assert_eq!(choice.arm, "adamw");
        // The reports compare the others with the choice, not with the best on the test part.
        let summaries = recommendation(&arms).summaries();
        assert_eq!(summaries[0].arm, "lion");
        assert_eq!(summaries[0].against.as_ref().unwrap().arm, "adamw");
    }

    #[test]
    fn a_choice_is_sure_if_every_setting_of_its_arm_is_better_and_unsure_if_it_hangs_on_one() {
        let share = |settings: &[f64]| {
            Choice::of(&recommendation(&[("adamw", settings, 0.97, 0.9), ("lion", &[0.9; 3], 0.9, 0.9)]))
                .unwrap()
                .share
        };
        assert_eq!(share(&[0.97, 0.96, 0.95]), 1.0);
        // Of draws of three out of three, 1 − (2/3)³ = 70.4 % have the only good setting.
        let unsure = share(&[0.97, 0.2, 0.1]);
        assert!((unsure - 19.0 / 27.0).abs() < 0.05, "{unsure}");
    }

    #[test]
    fn there_is_no_choice_without_final_runs() {
        let mut unfinished = recommendation(&[("adamw", &[0.9], 0.97, 0.9)]);
        unfinished.runs.retain(|run| !run.is_final());
        assert_eq!(Choice::of(&unfinished), None);
    }
}
