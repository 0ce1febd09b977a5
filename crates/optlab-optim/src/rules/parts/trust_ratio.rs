//! The trust ratio of LAMB and LARS, which scales a step to the norm of the tensor that it moves.

use optlab_kernel::Value;

/// Returns `c ‖θ‖ / n` for the norm `‖θ‖` and the norm `n` of the step; 1 if either is 0.
#[inline(always)]
pub(crate) fn trust_ratio<V: Value>(theta_norm: V, step_norm: V, c: f64) -> V {
    let one = theta_norm.constant(1.0);
    let ratio = theta_norm.clone().mul_scalar(c) / step_norm.clone();
    let ratio = step_norm.if_positive(ratio, one.clone());
    theta_norm.if_positive(ratio, one)
}
