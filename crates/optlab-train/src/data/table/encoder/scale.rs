//! Mean and deviation of a feature or a target.

use serde::{Deserialize, Serialize};

/// The affine map between a value in the data's own unit and its standardized value.
///
/// ```text
/// x' = (x − μ) / σ        μ = Σ x / n        σ = √(Σ (x − μ)² / n),  1 if all x are equal
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean `μ` of the training rows.
    pub mean: f64,
    /// The deviation `σ` of the training rows, above 0.
    pub deviation: f64,
}

impl Scale {
    /// The scale of a feature that keeps its unit.
    pub const IDENTITY: Scale = Scale { mean: 0.0, deviation: 1.0 };

    /// Computes the scale of `values` in two passes; mean 0 and deviation 1 if there are none. `None` if a
    /// sum exceeds `f64`.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let Some(first) = values.clone().next() else { return Some(Self::IDENTITY) };
        // The mean of n equal values is rounded, and would leave a tiny deviation to divide by.
        if values.clone().all(|value| value == first) {
            return Some(Self { mean: first, deviation: 1.0 });
        }
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        (mean.is_finite() && deviation.is_finite() && deviation > 0.0).then_some(Self { mean, deviation })
    }

    /// Returns the standardized value of `value`.
    pub fn standardize(self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }

    /// Returns the value whose standardized value is `value`.
    pub fn restore(self, value: f64) -> f64 {
        value * self.deviation + self.mean
    }
}
