//! The mean training loss of an epoch.

use crate::train::setting_value::is_default;
use serde::{Deserialize, Serialize};

/// The losses of the current epoch's steps, each weighted by the number of examples in its batch: the last
/// batch of an epoch may be smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Sum of loss times examples.
    #[serde(default, skip_serializing_if = "is_default")]
    sum: f64,
    /// Number of examples.
    #[serde(default, skip_serializing_if = "is_default")]
    examples: usize,
}

impl EpochLoss {
    /// Returns the losses of an epoch whose first `steps` steps, of `batch_size` examples each, have losses
    /// with the given sum.
    pub(super) fn of_whole_batches(sum: f64, steps: usize, batch_size: usize) -> Self {
        EpochLoss { sum: sum * batch_size as f64, examples: steps * batch_size }
    }

    /// Adds the mean loss of a batch of `examples` examples.
    pub(super) fn add(&mut self, loss: f64, examples: usize) {
        self.sum += loss * examples as f64;
        self.examples += examples;
    }

    /// Returns the mean over the examples; `None` without any.
    pub(super) fn mean(self) -> Option<f64> {
        (self.examples > 0).then(|| self.sum / self.examples as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::EpochLoss;

    #[test]
    fn a_small_last_batch_counts_by_its_examples() {
        let mut epoch = EpochLoss::default();
        assert_eq!(epoch.mean(), None);
        epoch.add(1.0, 32);
        epoch.add(2.0, 32);
        epoch.add(10.0, 4);
        // (32 · 1 + 32 · 2 + 4 · 10) / 68
        assert_eq!(epoch.mean(), Some(2.0));
    }

    #[test]
    fn the_sum_of_an_older_checkpoint_continues() {
        let mut epoch = EpochLoss::of_whole_batches(3.0, 2, 32);
        epoch.add(10.0, 4);
        assert_eq!(epoch.mean(), Some(2.0));
    }
}
