//! The average of the parameters whose weights grow like a power of the step number (Shamir & Zhang, 2013).

use crate::rules::parts::moments::moving_average;
use optlab_kernel::Value;

/// The name of the buffer with the average.
pub(crate) const BUFFER: &str = "average";

/// Returns the weight of the newest parameter at step `t`, counted from 1: `(1 + γ) / (t + γ)`.
pub(crate) fn newest(power: f64, t: u64) -> f64 {
    (1.0 + power) / (t as f64 + power)
}

/// Returns the average with the newest parameter, whose weight is `newest`.
#[inline(always)]
pub(crate) fn updated<V: Value>(average: &V, theta: V, newest: f64) -> V {
    moving_average(average, theta, 1.0 - newest)
}
