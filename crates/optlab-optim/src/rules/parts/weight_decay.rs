//! Coupled and decoupled weight decay. A decay of 0 costs nothing.

use optlab_kernel::Value;

/// Returns `g + λ θ`: coupled decay, which the rule treats as part of the gradient.
#[inline(always)]
pub(crate) fn coupled<V: Value>(grad: V, theta: &V, weight_decay: f64) -> V {
    if weight_decay == 0.0 { grad } else { theta.clone().mul_scalar(weight_decay) + grad }
}

/// Returns `(1 − η λ) θ`: decoupled decay, which bypasses the rule.
#[inline(always)]
pub(crate) fn decoupled<V: Value>(theta: V, lr: f64, weight_decay: f64) -> V {
    if weight_decay == 0.0 { theta } else { theta.mul_scalar(1.0 - lr * weight_decay) }
}
