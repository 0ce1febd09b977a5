//! Labels of arms: they show what differs between arms; shared settings stand in the heading.

use crate::plan::tuning::Repeats;
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use crate::run::folder::Kind;
use optlab_train::train::{Budget, Trial};

/// The parts of an arm that differ within a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Whether there are several schedules.
    pub schedule: bool,
    /// Whether there are several backends.
    pub backend: bool,
    /// The noun for one result of an arm: "replicate" if each seed was tuned by itself, else "seed".
    pub unit: &'static str,
    /// The scope of a verdict: " for these settings" if one tuning chose them for all seeds, else nothing.
    pub scope: &'static str,
}

impl Labels {
    /// Returns the labels of a comparison with these summaries.
    pub fn of(summaries: &[Summary]) -> Self {
        let differ =
            |part: fn(&Summary) -> &str| summaries.iter().any(|arm| part(arm) != part(&summaries[0]));
        let is_tuned = |repeats| {
            summaries.iter().any(|arm| arm.tuned.as_ref().is_some_and(|tuned| tuned.repeats == repeats))
        };
        Labels {
            schedule: differ(|arm| &arm.schedule),
            backend: differ(|arm| &arm.backend),
            unit: if is_tuned(Repeats::EachSeed) { "replicate" } else { "seed" },
            scope: if is_tuned(Repeats::Once) { " for these settings" } else { "" },
        }
    }

    /// Returns the label of an arm.
    pub fn label(&self, arm: &Summary) -> String {
        self.label_of(&arm.arm, &arm.backend)
    }

    /// Returns the label of the arm called `name` on `backend`.
    pub fn label_of(&self, name: &str, backend: &str) -> String {
        if self.backend { format!("{name} · {backend}") } else { name.into() }
    }

    /// Returns the labels of all arms of a comparison, in the plan's order.
    pub fn all(&self, comparison: &Comparison) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        for arm in comparison.arms() {
            let label = arm.trial().map(|trial| self.label_of(arm.name, &trial.backend));
            labels.extend(label.filter(|label| !labels.contains(label)));
        }
        labels
    }

    /// Returns the settings that the arms of a workload share: "6 epochs · batch 32 · flex · constant · 3
    /// seeds".
    pub fn shared(&self, comparison: &Comparison, arms: &[&Summary]) -> String {
        let mut parts = Vec::new();
        let trials: Vec<&Trial> = arms.iter().filter_map(|arm| comparison.trial_of(arm)).collect();
        let shared = |part: fn(&Trial) -> String| {
            let first = trials.first().map(|trial| part(trial))?;
            trials.iter().all(|trial| part(trial) == first).then_some(first)
        };
        // Settings that differ stand in the arms' names.
        parts.extend(shared(|trial| match trial.recipe.budget {
            Budget::Epochs(epochs) => counted(epochs, "epoch"),
            Budget::Steps(steps) => counted(steps, "step"),
        }));
        parts.extend(shared(|trial| format!("batch {}", trial.recipe.batch_size)));
        if let Some(arm) = arms.first() {
            if !self.backend {
                parts.push(arm.backend.clone());
            }
            if !self.schedule {
                parts.push(arm.schedule.clone());
            }
            if arm.seeds > 0 {
                parts.push(counted(arm.seeds, self.unit));
            }
        }
        match (comparison.kind, comparison.plan.tuning.trials) {
            (Kind::Study, trials) => parts.push(counted(trials, "trial")),
            (Kind::Recommendation, _) => parts.push("the best of the tried settings".into()),
            (_, 0) => parts.push("settings as given".into()),
            (_, trials) if comparison.plan.tuning.is_repeated() => {
                parts.push(format!("each tuned by {}", counted(trials, "trial")));
            }
            (_, trials) => parts.push(format!("tuned once, by {} each", counted(trials, "trial"))),
        }
        parts.join(" · ")
    }
}

/// Returns what happened to the lost seeds, a line per arm and reason: "adamw: seeds 2, 4 diverged (loss is
/// NaN at step 17)".
pub fn lost_seeds(labels: &Labels, arms: &[&Summary]) -> Vec<String> {
    let mut lines = Vec::new();
    for arm in arms {
        let label = labels.label(arm);
        for (how, lost) in [("diverged", &arm.diverged), ("failed", &arm.failed)] {
            let mut reasons: Vec<&str> = lost.iter().map(|seed| seed.reason.as_str()).collect();
            reasons.sort();
            reasons.dedup();
            for reason in reasons {
                let seeds = lost.iter().filter(|seed| seed.reason == reason).map(|seed| seed.seed);
                lines.push(format!("{label}: {} {how} ({reason})", listed(seeds)));
            }
        }
        if let Some(first) = arm.unstable.first() {
            let seeds = listed(arm.unstable.iter().map(|seed| seed.seed));
            let of_first = format!("{} of seed {}", first.reason, first.seed);
            lines.push(format!(
                "{label}: {seeds} unstable ({of_first}); the result is of the best checkpoint before that"
            ));
        }
        if arm.seeds > 0 && arm.tuned.as_ref().is_some_and(|tuned| tuned.best.is_none()) {
            lines.push(format!("{label}: every tuning trial was lost, so it keeps the settings given"));
        }
        let of_replicates = arm.tuned.as_ref().map_or(&[][..], |tuned| &tuned.lost_replicates);
        if !of_replicates.is_empty() && of_replicates.len() < arm.seeds {
            let numbers: Vec<String> = of_replicates.iter().map(u64::to_string).collect();
            lines.push(format!(
                "{label}: every tuning trial of {} {} was lost, so the settings given were kept there",
                if numbers.len() == 1 { "replicate" } else { "replicates" },
                numbers.join(", ")
            ));
        }
        if !arm.not_run.is_empty() {
            lines.push(format!("{label}: {} not run yet", listed(arm.not_run.iter().copied())));
        }
        lines.extend(unclear(&arm.unclear).map(|line| format!("{label}: {line}")));
    }
    lines
}

/// Returns the sentence about outcomes that do not count, for these reasons; `None` if all count.
pub fn unclear(reasons: &[String]) -> Option<String> {
    let first = reasons.first()?;
    let more = if reasons.len() > 1 { ", …" } else { "" };
    Some(format!(
        "{} not counted ({first}{more}); the command that began it runs the trial again",
        counted(reasons.len(), "outcome")
    ))
}

fn listed(seeds: impl Iterator<Item = u64>) -> String {
    let seeds: Vec<String> = seeds.map(|seed| seed.to_string()).collect();
    let unit = if seeds.len() == 1 { "seed" } else { "seeds" };
    format!("{unit} {}", seeds.join(", "))
}

/// Returns a number with its noun: "1 seed", "3 seeds".
pub fn counted(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
