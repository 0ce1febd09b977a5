//! Early stopping.

use serde::{Deserialize, Serialize};

/// State of early stopping, which ends a run whose validation loss no longer improves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The smallest validation loss so far.
    best_loss: Option<f64>,
    /// Evaluations since the smallest loss.
    evaluations_since: usize,
}

impl EarlyStopping {
    /// Records the validation loss of an evaluation; returns true if the last `patience` evaluations brought
    /// no smaller one.
    pub fn observe(&mut self, loss: f64, patience: usize) -> bool {
        if self.best_loss.is_none_or(|best| loss < best) {
            self.best_loss = Some(loss);
            self.evaluations_since = 0;
        } else {
            self.evaluations_since += 1;
        }
        self.evaluations_since >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_after_patience_evaluations_without_a_better_loss() {
        let mut stopping = EarlyStopping::default();
        let stops: Vec<bool> = [3.0, 2.0, 2.0, 1.0, 1.5, 1.0].map(|loss| stopping.observe(loss, 2)).into();
        assert_eq!(stops, [false, false, false, false, false, true]);
    }
}
