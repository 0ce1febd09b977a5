//! Passes over the elements of matrices in host memory.

use crate::rules::parts::linear_algebra::{PIECE, tensor, values};
use burn::tensor::Tensor;
use rayon::prelude::*;

/// Updates the mean of the gradients, `m ← μ m + (1 − μ) g`, and returns it, or with `nesterov` the mean one
/// gradient further, in the memory of the gradient.
pub(crate) fn momentum(mean: &mut [f32], mut grad: Vec<f32>, momentum: f64, nesterov: bool) -> Vec<f32> {
    let (keep, add) = (momentum as f32, (1.0 - momentum) as f32);
    mean.par_chunks_mut(PIECE).zip(grad.par_chunks_mut(PIECE)).for_each(|(mean, grad)| {
        for (mean, grad) in mean.iter_mut().zip(grad) {
            *mean = *mean * keep + *grad * add;
            *grad = if nesterov { *mean * keep + *grad * add } else { *mean };
        }
    });
    grad
}

/// Updates both moments with a gradient, `m ← β₁ m + (1 − β₁) g` and `v ← β₂ v + (1 − β₂) g²`, and replaces
/// the gradient by `m / (√v + ε)`.
pub(crate) fn normalize(
    grad: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    [beta_1, beta_2, epsilon]: [f64; 3],
) {
    let (keep_1, keep_2, epsilon) = (beta_1 as f32, beta_2 as f32, epsilon as f32);
    let (add_1, add_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
    let moments = first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE));
    grad.par_chunks_mut(PIECE).zip(moments).for_each(|(grad, (first, second))| {
        for ((grad, first), second) in grad.iter_mut().zip(first).zip(second) {
            *first = keep_1 * *first + add_1 * *grad;
            *second = keep_2 * *second + add_2 * (*grad * *grad);
            *grad = *first / (second.sqrt() + epsilon);
        }
    });
}

/// Returns `decay · θ − factor · step`.
pub(crate) fn moved<const D: usize>(theta: Tensor<D>, step: &[f32], factor: f64, decay: f64) -> Tensor<D> {
    let (shape, device, dtype) = (theta.dims(), theta.device(), theta.dtype());
    let (factor, decay) = (factor as f32, decay as f32);
    let mut theta: Vec<f32> = values(theta);
    theta.par_chunks_mut(PIECE).zip(step.par_chunks(PIECE)).for_each(|(theta, step)| {
        theta.iter_mut().zip(step).for_each(|(theta, step)| *theta = *theta * decay - step * factor);
    });
    tensor(theta, shape, &device, dtype)
}
