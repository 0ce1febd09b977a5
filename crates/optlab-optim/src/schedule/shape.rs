use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How a rate gets from one value to another: how far it is after a share `x` of the steps.
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
    /// The share of the way that is behind.
    pub(super) fn risen(self, x: f64) -> f64 {
        match self {
            Shape::Linear => x,
            Shape::Sqrt => x.sqrt(),
            Shape::Cosine => 0.5 * (1.0 - (PI * x).cos()),
            Shape::Square => x * x,
        }
    }

    /// The share of the way that is ahead.
    pub(super) fn left(self, x: f64) -> f64 {
        match self {
            // As `half_cosine` rounds it.
            Shape::Cosine => half_cosine(1.0, 0.0, x),
            other => 1.0 - other.risen(x),
        }
    }
}

/// Half a cosine from one rate to another, after a share `x` of the way.
pub(super) fn half_cosine(from: f64, to: f64, x: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * x).cos())
}
