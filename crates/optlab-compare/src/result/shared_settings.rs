//! The settings that all runs of an arm have in common, where each replicate was tuned by itself.

use optlab_core::spec::{self, Spec};
use optlab_stats::statistics::describe::{median, quantile};
use optlab_train::train::Trial;
use serde_json::Value;
use std::fmt::Display;

/// The settings that the runs of an arm share.
pub(super) struct SharedSettings {
    /// The optimizer as text.
    pub optimizer: String,
    /// The base learning rate, the median over the runs.
    pub lr: f64,
    /// The smallest and the largest base learning rate; `None` if all are equal.
    pub lr_range: Option<(f64, f64)>,
    /// The schedule as text.
    pub schedule: String,
}

impl SharedSettings {
    /// Returns the settings of `trials`, which are at least one.
    pub fn of(trials: &[&Trial]) -> Option<Self> {
        let lrs: Vec<f64> = trials.iter().map(|trial| trial.lr).collect();
        let (low, high) = (quantile(&lrs, 0.0)?, quantile(&lrs, 1.0)?);
        let first = trials.first()?;
        let optimizers = trials.iter().map(|trial| &trial.optimizer);
        let schedules = trials.iter().map(|trial| &trial.schedule);
        Some(SharedSettings {
            optimizer: shared_settings(optimizers).unwrap_or_else(|| first.optimizer.name().into()),
            lr: median(&lrs)?,
            lr_range: (low < high).then_some((low, high)),
            schedule: shared_settings(schedules).unwrap_or_else(|| "tuned".into()),
        })
    }
}

/// Returns the spec that has the settings that all of `specs` share, and the defaults of the others; `None`
/// if they are of different rules.
fn shared_settings<'a, S: Spec + Display + 'a>(mut specs: impl Iterator<Item = &'a S>) -> Option<String> {
    let mut table = spec::to_value(specs.next()?);
    specs.for_each(|other| keep_equal(&mut table, &spec::to_value(other)));
    spec::from_value::<S>(&table).ok().map(|spec| spec.to_string())
}

/// Removes the fields of `table` that `other` has with another value, also in tables inside it.
fn keep_equal(table: &mut Value, other: &Value) {
    let Some(fields) = table.as_object_mut() else { return };
    fields.retain(|name, value| match other.get(name) {
        Some(other) if value.is_object() && other.is_object() => {
            keep_equal(value, other);
            true
        }
        other => other == Some(value),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;

    #[test]
    fn settings_that_differ_between_replicates_are_left_out_and_rates_become_a_range() {
        let trial = |optimizer: &str, lr: f64| Trial { lr, ..made_up::trial("digits-cnn", optimizer, 0) };
        let trials = [
            trial("muon:momentum=0.9,other=adamw:beta_1=0.8,beta_2=0.9", 0.1),
            trial("muon:momentum=0.8,other=adamw:beta_1=0.8,beta_2=0.95", 0.3),
            trial("muon:momentum=0.9,other=adamw:beta_1=0.8,beta_2=0.9", 0.2),
        ];
        let shared = SharedSettings::of(&trials.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(shared.optimizer, "muon:other=adamw:beta_1=0.8");
        assert_eq!((shared.lr, shared.lr_range), (0.2, Some((0.1, 0.3))));
        let same = SharedSettings::of(&[&trials[0], &trials[2]]).unwrap();
        assert_eq!(same.optimizer, trials[0].optimizer.to_string());
        let one = SharedSettings::of(&[&trials[0]]).unwrap();
        assert_eq!((one.lr, one.lr_range), (0.1, None));
        let others = [trial("adamw", 0.1), trial("lion", 0.1)];
        assert_eq!(SharedSettings::of(&others.iter().collect::<Vec<_>>()).unwrap().optimizer, "adamw");
    }
}
