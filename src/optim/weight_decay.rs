//! The two ways in which rules pull parameters towards zero. A decay of 0 costs nothing.

use burn::tensor::Tensor;

/// `g + λ θ`: the decay goes through everything that the rule does to a gradient.
pub(super) fn coupled<const D: usize>(grad: Tensor<D>, theta: &Tensor<D>, weight_decay: f64) -> Tensor<D> {
    if weight_decay == 0.0 { grad } else { theta.clone().mul_scalar(weight_decay) + grad }
}

/// `(1 − η λ) θ`: the decay goes around the rule.
pub(super) fn decoupled<const D: usize>(theta: Tensor<D>, lr: f64, weight_decay: f64) -> Tensor<D> {
    if weight_decay == 0.0 { theta } else { theta.mul_scalar(1.0 - lr * weight_decay) }
}
