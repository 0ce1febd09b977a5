//! Runs that end, and end badly: the loss is finite, and far above its start or its best.

use crate::train::Score;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The training loss of a run at three times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLoss {
    /// The loss of the first batch, before its step.
    pub first: Option<f64>,
    /// The smallest mean over an epoch.
    pub best: Option<f64>,
    /// The mean over the last epoch.
    pub last: Option<f64>,
}

/// The way in which a run was unstable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Instability {
    /// Whether the validation loss is meant, or the training loss.
    pub is_validation: bool,
    /// The loss of the first batch.
    pub first: f64,
    /// The best mean loss.
    pub best: f64,
    /// The last mean loss.
    pub last: f64,
}

/// The share of the way from the first loss to the best that a stable run does not lose again; also the share
/// of the best loss that it does not add to it.
const LOST: f64 = 0.5;

/// The multiple of the first loss that the training loss of a stable run does not exceed. One batch's loss
/// differs from the mean over an epoch.
const TRAINING: f64 = 3.0;

/// The multiple of the first loss that the validation loss of a stable run does not exceed, however much it
/// overfits.
const VALIDATION: f64 = 10.0;

impl TrainingLoss {
    /// Notes the mean loss of an epoch.
    pub(crate) fn observe_epoch(&mut self, mean: f64) {
        self.last = Some(mean);
        if self.best.is_none_or(|best| mean < best) {
            self.best = Some(mean);
        }
    }

    /// Returns the instability of a run with these losses and these validation scores, its best and its last.
    ///
    /// The training loss is unstable if its last mean is above 3 times the first loss, or above the best mean
    /// by more than half of the way from the first loss to the best and more than half of the best. The
    /// validation loss is unstable if the last is above 10 times both the first training loss and the best.
    /// Overfitting raises the validation loss, but neither that far nor the training loss.
    pub fn instability(&self, best: Option<&Score>, last: Option<&Score>) -> Option<Instability> {
        let first = self.first?;
        if let (Some(best), Some(last)) = (self.best, self.last) {
            let allowed = (LOST * (first - best)).max(LOST * best.abs());
            if last > best + allowed || last > TRAINING * first.abs() {
                return Some(Instability { is_validation: false, first, best, last });
            }
        }
        let (best, last) = (best?.loss, last?.loss);
        let is_unstable = last > VALIDATION * first.abs().max(best.abs());
        is_unstable.then_some(Instability { is_validation: true, first, best, last })
    }
}

impl fmt::Display for Instability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instability { is_validation, first, best, last } = self;
        let part = if *is_validation { "validation" } else { "training" };
        write!(f, "the {part} loss ended at {last:.3e}, after a best of {best:.3e} (first batch {first:.3e})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(first: f64, best: f64, last: f64) -> Option<Instability> {
        let loss = TrainingLoss { first: Some(first), best: Some(best), last: Some(last) };
        loss.instability(None, None)
    }

    #[test]
    fn a_run_whose_training_loss_explodes_or_loses_half_of_its_progress_is_unstable() {
        assert!(training(2.3, 0.1, 1e6).is_some());
        assert!(training(2.3, 0.1, 1.3).is_some());
        assert!(training(1.0, 0.001, 0.6).is_some());
        assert!(training(2.3, 20.0, 20.0).is_some(), "it exploded in its first epoch");
    }

    #[test]
    fn a_run_that_learns_nothing_or_rises_a_little_is_stable() {
        assert_eq!(training(2.3, 2.29, 2.31), None, "it learns nothing");
        assert_eq!(training(2.3, 0.1, 0.15), None);
        assert_eq!(training(2.3, 0.001, 0.01), None);
        assert_eq!(training(1e4, 10.0, 12.0), None);
        assert_eq!(TrainingLoss::default().instability(None, None), None, "from before it was recorded");
    }

    #[test]
    fn overfitting_is_no_instability_and_an_exploding_validation_loss_is() {
        let loss = TrainingLoss { first: Some(2.3), best: Some(0.01), last: Some(0.01) };
        let score = |loss| Score::new(loss, 0.5);
        assert_eq!(loss.instability(Some(&score(0.4)), Some(&score(9.0))), None);
        let unstable = loss.instability(Some(&score(0.4)), Some(&score(1e7))).unwrap();
        assert!(unstable.is_validation);
        assert!(unstable.to_string().contains("1.000e7"), "{unstable}");
    }
}
