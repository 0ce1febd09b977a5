//! Activations, computed together with the layer before them.

use burn::tensor::{Tensor, activation};

/// The function that a layer applies to each number that it computes, while the number is still in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// No activation.
    #[default]
    Identity,
    /// `max(0, x)`; NaN for NaN, so that divergence stays visible.
    Relu,
}

impl Activation {
    /// Applies the activation to a tensor by Burn's operation, after a layer of Burn.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::Identity => x,
            Activation::Relu => activation::relu(x),
        }
    }

    /// Adds the bias to each row of `out` and applies the activation.
    #[inline(always)]
    pub(super) fn apply(self, out: &mut [f32], bias: Option<&[f32]>) {
        match (self, bias) {
            (Activation::Identity, None) => {}
            (Activation::Identity, Some(bias)) => {
                for row in out.chunks_exact_mut(bias.len()) {
                    for (x, bias) in row.iter_mut().zip(bias) {
                        *x += bias;
                    }
                }
            }
            (Activation::Relu, None) => {
                for x in out {
                    *x = relu(*x);
                }
            }
            (Activation::Relu, Some(bias)) => {
                for row in out.chunks_exact_mut(bias.len()) {
                    for (x, bias) in row.iter_mut().zip(bias) {
                        *x = relu(*x + bias);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// Records which numbers a ReLU passed: all that its gradient needs, in a quarter of the memory.
#[inline(always)]
pub(super) fn note_passed(passed: &mut [u8], y: &[f32]) {
    for (passed, y) in passed.iter_mut().zip(y) {
        *passed = if *y <= 0.0 { 0 } else { 1 };
    }
}

/// Computes the gradient before a ReLU from the gradient after it.
#[inline(always)]
pub(super) fn relu_gradient(out: &mut [f32], grad: &[f32], passed: &[u8]) {
    for ((out, grad), passed) in out.iter_mut().zip(grad).zip(passed) {
        *out = if *passed == 0 { 0.0 } else { *grad };
    }
}

/// Adds the rows of `grad` to the gradient of the bias.
#[inline(always)]
pub(super) fn add_rows(sum: &mut [f32], grad: &[f32]) {
    for row in grad.chunks_exact(sum.len()) {
        for (sum, grad) in sum.iter_mut().zip(row) {
            *sum += grad;
        }
    }
}
