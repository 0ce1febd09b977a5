//! The curves along which a rate changes from one value to another.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The curve of a rate from one value to another: the share of the distance covered after a share `x` of the
/// steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `x`.
    #[default]
    Linear,
    /// `√x`: fast at first (Hägele et al., 2024, for a decay).
    Sqrt,
    /// `(1 − cos(π x)) / 2`.
    Cosine,
    /// `x²`: slow at first.
    Square,
}

impl Shape {
    /// Returns the share of the distance that is covered.
    pub(super) fn risen(self, x: f64) -> f64 {
        match self {
            Shape::Linear => x,
            Shape::Sqrt => x.sqrt(),
            Shape::Cosine => 0.5 * (1.0 - (PI * x).cos()),
            Shape::Square => x * x,
        }
    }

    /// Returns the share of the distance that remains.
    pub(super) fn left(self, x: f64) -> f64 {
        match self {
            // Rounded in the same way as `half_cosine`.
            Shape::Cosine => half_cosine(1.0, 0.0, x),
            other => 1.0 - other.risen(x),
        }
    }
}

/// Returns the value of half a cosine from one rate to another after a share `x` of the steps.
pub(super) fn half_cosine(from: f64, to: f64, x: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * x).cos())
}
