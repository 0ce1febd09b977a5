//! The dense layer.

use crate::layer::activation::{Activation, add_rows, note_passed, relu_gradient};
use crate::layer::matmul::{Accum, matrix, multiply};
use crate::layer::operation::{Operation, apply_with_bias};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The rows of the batch in a piece. Each piece reads the whole weight, so fewer pieces are better.
const ROWS: usize = 64;

/// The inputs in a piece of the weight's gradient.
const INPUTS: usize = 256;

/// Computes a dense layer: `y = activation(x W + b)`.
///
/// # Shapes
/// `x`: `[batch, inputs]`, `weight`: `[inputs, outputs]`, `bias`: `[outputs]`, `y`: `[batch, outputs]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    assert_eq!(x.dims()[1], weight.dims()[0], "inputs of the batch and of the weight");
    apply_with_bias(Linear { activation }, x, weight, bias)
}

#[derive(Debug, Clone)]
struct Linear {
    activation: Activation,
}

#[derive(Debug, Clone)]
struct Saved {
    x: HostBuffer,
    weight: HostBuffer,
    /// What a ReLU passed, `[batch, outputs]`; empty without a ReLU.
    passed: Vec<u8>,
}

impl<const N: usize> Operation<N> for Linear {
    type Saved = Saved;

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        let x = inputs[0].clone().into_contiguous();
        let weight = inputs[1].clone().into_contiguous();
        let ([batch, width], [_, outputs]) = (x.dims(), weight.dims());
        let mut y = take(batch * outputs);
        x.with_slice(|x| {
            weight.with_slice(|weight| {
                HostBuffer::with_optional_slice(inputs.get(2), |bias| {
                    let weight = matrix(weight, width, outputs);
                    let pieces = y.par_chunks_mut(ROWS * outputs).zip(x.par_chunks(ROWS * width));
                    pieces.for_each(|(y, x)| {
                        multiply(y, Accum::Replace, matrix(x, x.len() / width, width), weight);
                        vectorized(
                            #[inline(always)]
                            || self.activation.apply(y, bias),
                        );
                    });
                });
            });
        });
        let mut passed = vec![0; if self.activation == Activation::Relu { y.len() } else { 0 }];
        note_passed(&mut passed, &y);
        (x.with_elements(y, &[batch, outputs]), Saved { x, weight, passed })
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { x, weight, passed } = saved;
        let ([batch, width], [_, outputs]) = (x.dims(), weight.dims());
        let mut of_x = take(if wanted[0] { batch * width } else { 0 });
        let mut of_weight = take(if wanted[1] { width * outputs } else { 0 });
        let mut of_bias = vec![0.0; outputs];
        grad.with_slice(|grad| {
            with_scratch(grad.len(), |masked| {
                let grad = match self.activation {
                    Activation::Relu => {
                        relu_gradient(masked, grad, &passed);
                        &*masked
                    }
                    Activation::Identity => grad,
                };
                add_rows(&mut of_bias, grad);
                weight.with_slice(|weight| {
                    let weight = matrix(weight, width, outputs);
                    let pieces = of_x.par_chunks_mut(ROWS * width).zip(grad.par_chunks(ROWS * outputs));
                    pieces.for_each(|(of_x, grad)| {
                        let grad = matrix(grad, grad.len() / outputs, outputs);
                        multiply(of_x, Accum::Replace, grad, weight.transpose());
                    });
                });
                x.with_slice(|x| {
                    let (x, grad) = (matrix(x, batch, width), matrix(grad, batch, outputs));
                    let pieces = of_weight.par_chunks_mut(INPUTS * outputs).enumerate();
                    pieces.for_each(|(piece, of_weight)| {
                        let x = x.subcols(piece * INPUTS, of_weight.len() / outputs);
                        multiply(of_weight, Accum::Replace, x.transpose(), grad);
                    });
                });
            });
        });
        let mut of_inputs = [const { None }; N];
        of_inputs[0] = wanted[0].then(|| x.with_elements(of_x, &[batch, width]));
        of_inputs[1] = wanted[1].then(|| x.with_elements(of_weight, &[width, outputs]));
        if let Some(place) = of_inputs.get_mut(2) {
            *place = wanted[2].then(|| x.with_elements(of_bias, &[outputs]));
        }
        // An input without a gradient is data: the next step does not reuse its buffer.
        if wanted[0] {
            x.recycle();
        }
        grad.recycle();
        of_inputs
    }
}
