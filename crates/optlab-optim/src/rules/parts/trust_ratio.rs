//! The trust ratio of LAMB and LARS, which scales a step to the norm of the tensor that it moves.

use optlab_kernel::Value;

/// Returns `c ‖θ‖ / ‖d‖` from the squares of both norms; 1 if either is 0.
#[inline(always)]
pub(crate) fn trust_ratio<V: Value>(theta_square: &V, direction_square: &V, c: f64) -> V {
    let one = theta_square.constant(1.0);
    let ratio = theta_square.clone().sqrt().mul_scalar(c) / direction_square.clone().sqrt();
    let ratio = direction_square.clone().if_positive(ratio, one.clone());
    theta_square.clone().if_positive(ratio, one)
}
