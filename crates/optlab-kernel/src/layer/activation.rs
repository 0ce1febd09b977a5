//! Activations, computed together with the layer before them.

use crate::layer::elementary::{erf, exp, sigmoid};
use burn::tensor::{Tensor, activation};

/// The function that a layer applies to each number that it computes, while the number is still in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// No activation.
    #[default]
    Identity,
    /// `max(0, x)`; NaN for NaN, so that divergence stays visible.
    Relu,
    /// `x Φ(x)`, with the distribution function of the normal distribution (Hendrycks & Gimpel, 2016,
    /// <https://arxiv.org/abs/1606.08415>).
    Gelu,
    /// `x / (1 + e⁻ˣ)` (Elfwing et al., 2017, <https://arxiv.org/abs/1702.03118>).
    Silu,
}

/// The values of the forward pass from which the gradient of an activation is computed.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// 1 for each number that a ReLU passed, 0 for the others; empty without a ReLU.
    pub passed: Vec<u8>,
    /// The derivative of a smooth activation, at each number; else empty.
    pub slopes: Vec<f32>,
}

impl Activation {
    /// Applies the activation to a tensor by Burn's operation, after a layer of Burn.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::Identity => x,
            Activation::Relu => activation::relu(x),
            Activation::Gelu => activation::gelu(x),
            Activation::Silu => activation::silu(x),
        }
    }

    /// Returns whether its gradient needs the derivative of each number.
    pub(super) fn is_smooth(self) -> bool {
        matches!(self, Activation::Gelu | Activation::Silu)
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
            (Activation::Gelu | Activation::Silu, bias) => {
                Activation::Identity.apply(out, bias);
                for x in out {
                    *x = self.with_slope(*x)[0];
                }
            }
        }
    }

    /// Does the same with a smooth activation, and writes its derivative at each number to `slopes`.
    #[inline(always)]
    pub(super) fn apply_with_slopes(self, out: &mut [f32], slopes: &mut [f32], bias: Option<&[f32]>) {
        Activation::Identity.apply(out, bias);
        for (x, slope) in out.iter_mut().zip(slopes) {
            [*x, *slope] = self.with_slope(*x);
        }
    }

    /// Returns a smooth activation of `x`, and its derivative there.
    #[inline(always)]
    fn with_slope(self, x: f32) -> [f32; 2] {
        match self {
            Activation::Gelu => {
                let share = 0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2);
                let density = 0.398_942_3 * exp(-0.5 * x * x);
                [x * share, share + x * density]
            }
            Activation::Silu => {
                let share = sigmoid(x);
                [x * share, share * (1.0 + x * (1.0 - share))]
            }
            Activation::Identity | Activation::Relu => unreachable!("only smooth activations"),
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
