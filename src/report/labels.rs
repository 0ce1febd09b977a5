//! What to call an arm: only what tells it from the others; what all share stands in the heading.

use crate::compare::{Budget, Comparison, Summary, Trial};
use crate::report::number;

/// Which parts of an arm differ within a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Whether one optimizer runs with several learning rates on one workload.
    lr: bool,
    /// Whether there are several schedules.
    pub schedule: bool,
    /// Whether there are several backends.
    pub backend: bool,
}

impl Labels {
    /// The labels of a comparison with these summaries.
    pub fn of(summaries: &[Summary]) -> Self {
        let differ =
            |part: fn(&Summary) -> &str| summaries.iter().any(|arm| part(arm) != part(&summaries[0]));
        let same_rule = |a: &Summary, b: &Summary| a.optimizer == b.optimizer && a.workload == b.workload;
        Labels {
            lr: summaries.iter().any(|a| summaries.iter().any(|b| same_rule(a, b) && a.lr != b.lr)),
            schedule: differ(|arm| &arm.schedule),
            backend: differ(|arm| &arm.backend),
        }
    }

    /// The arm's name among the others.
    pub fn label(&self, arm: &Summary) -> String {
        let mut label = match (self.lr, arm.optimizer.split_once(':')) {
            (false, _) => arm.optimizer.clone(),
            (true, None) => format!("{} lr {}", arm.optimizer, number::short(arm.lr)),
            // The rate first: it is what differs most often, and a long label is cut at its end.
            (true, Some((rule, fields))) => format!("{rule} lr {} {fields}", number::short(arm.lr)),
        };
        if self.schedule {
            label.push_str(&format!(" · {}", arm.schedule));
        }
        if self.backend {
            label.push_str(&format!(" · {}", arm.backend));
        }
        label
    }

    /// What the arms of a workload share: "6 epochs · batch 32 · flex · constant · 3 seeds".
    pub fn shared(&self, comparison: &Comparison, arms: &[&Summary]) -> String {
        let mut parts = Vec::new();
        let is_here = |trial: &Trial| arms.iter().any(|arm| arm.is_about(trial));
        if let Some(run) = comparison.runs.iter().find(|run| is_here(&run.trial)) {
            parts.push(match run.trial.budget {
                Budget::Epochs(epochs) => counted(epochs, "epoch"),
                Budget::Steps(steps) => counted(steps, "step"),
            });
            parts.push(format!("batch {}", run.trial.batch_size));
        }
        if let Some(arm) = arms.first() {
            if !self.backend {
                parts.push(arm.backend.clone());
            }
            if !self.schedule {
                parts.push(arm.schedule.clone());
            }
            parts.push(counted(arm.seeds, "seed"));
        }
        parts.join(" · ")
    }
}

/// What became of the seeds that did not end, a line for each arm and reason: "adamw: seeds 2, 4 diverged (loss is NaN
/// at step 17)".
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
        if !arm.not_run.is_empty() {
            lines.push(format!("{label}: {} not run yet", listed(arm.not_run.iter().copied())));
        }
    }
    lines
}

fn listed(seeds: impl Iterator<Item = u64>) -> String {
    let seeds: Vec<String> = seeds.map(|seed| seed.to_string()).collect();
    let unit = if seeds.len() == 1 { "seed" } else { "seeds" };
    format!("{unit} {}", seeds.join(", "))
}

fn counted(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
