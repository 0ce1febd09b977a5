//! The dense layer.

use crate::layer::activation::{Activation, Kept, add_rows, note_passed, relu_gradient};
use crate::layer::matmul::{Accum, matrix, multiply};
use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::{add_all, chunks_or_none};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::{put, take};
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The rows of the batch in a piece. Each piece reads the whole weight, so fewer pieces are better.
const ROWS: usize = 64;

/// The inputs in a piece of the weight's gradient.
const INPUTS: usize = 256;

/// The inputs in a piece of the gradient of a weight with few inputs and [`MUCH_WORK`].
const FEW_INPUTS: usize = 64;

/// The multiplications of a weight's gradient from which it is worth waking another thread.
const MUCH_WORK: usize = 1 << 22;

/// The rows of the batch whose gradients are added one after the other to that of the bias.
const ROWS_OF_BIAS: usize = 256;

/// Computes a dense layer: `y = activation(x W + b)`.
///
/// # Shapes
/// `x`: `[batch, inputs]`, `weight`: `[inputs, outputs]`, `bias`: `[outputs]`, `y`: `[batch, outputs]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    compute(x, weight, bias, None, activation)
}

/// Computes a dense layer in a residual branch: `y = r + x W + b`.
///
/// # Shapes
/// `x`: `[batch, inputs]`, `weight`: `[inputs, outputs]`, `bias`: `[outputs]`, `residual` and `y`: `[batch,
/// outputs]`.
///
/// # Panics
/// As [`linear`].
pub fn linear_add(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Tensor<2>,
) -> Tensor<2> {
    assert_eq!(residual.dims(), [x.dims()[0], weight.dims()[1]], "the shape of the residual");
    compute(x, weight, bias, Some(residual), Activation::Identity)
}

fn compute(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Option<Tensor<2>>,
    activation: Activation,
) -> Tensor<2> {
    assert_eq!(x.dims()[1], weight.dims()[0], "inputs of the batch and of the weight");
    let operation = Linear { activation, has_bias: bias.is_some(), has_residual: residual.is_some() };
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match (bias.map(Tensor::into_dispatch), residual.map(Tensor::into_dispatch)) {
        (None, None) => apply(operation, [x, weight]),
        (Some(bias), None) => apply(operation, [x, weight, bias]),
        (None, Some(residual)) => apply(operation, [x, weight, residual]),
        (Some(bias), Some(residual)) => apply(operation, [x, weight, bias, residual]),
    })
}

#[derive(Debug, Clone)]
struct Linear {
    activation: Activation,
    has_bias: bool,
    has_residual: bool,
}

#[derive(Debug, Clone)]
struct Saved {
    x: HostBuffer,
    weight: HostBuffer,
    kept: Kept,
}

impl Linear {
    /// Returns the bias and the residual among the inputs.
    fn optional<'a>(&self, inputs: &'a [HostBuffer]) -> [Option<&'a HostBuffer>; 2] {
        [self.has_bias.then(|| &inputs[2]), self.has_residual.then(|| &inputs[inputs.len() - 1])]
    }

    /// Returns `x`, the weight, `y` and, if `save` is set, what the gradient of the activation needs.
    fn compute(&self, inputs: &[HostBuffer], save: bool) -> (HostBuffer, Saved) {
        let x = inputs[0].clone().into_contiguous();
        let weight = inputs[1].clone().into_contiguous();
        let [bias, residual] = self.optional(inputs);
        let ([batch, width], [_, outputs]) = (x.dims(), weight.dims());
        let mut y = take(batch * outputs);
        let kept_len = |is_kept: bool| if save && is_kept { y.len() } else { 0 };
        let mut passed = vec![0; kept_len(self.activation == Activation::Relu)];
        let mut slopes = take(kept_len(self.activation.is_smooth()));
        let block = ROWS * outputs;
        let number = y.len().div_ceil(block.max(1));
        let mut kept: Vec<_> = chunks_or_none(&mut passed, block, number)
            .into_iter()
            .zip(chunks_or_none(&mut slopes, block, number))
            .collect();
        x.with_slice(|x| {
            weight.with_slice(|weight| {
                HostBuffer::with_optional_slice(bias, |bias| {
                    HostBuffer::with_optional_slice(residual, |residual| {
                        let weight = matrix(weight, width, outputs);
                        let pieces = y.par_chunks_mut(block).zip(x.par_chunks(ROWS * width)).zip(&mut kept);
                        pieces.enumerate().for_each(|(piece, ((y, x), (passed, slopes)))| {
                            let accum = match residual {
                                None => Accum::Replace,
                                Some(residual) => {
                                    y.copy_from_slice(&residual[piece * block..][..y.len()]);
                                    Accum::Add
                                }
                            };
                            multiply(y, accum, matrix(x, x.len() / width, width), weight);
                            vectorized(
                                #[inline(always)]
                                || {
                                    if slopes.is_empty() {
                                        self.activation.apply(y, bias);
                                        note_passed(passed, y);
                                    } else {
                                        self.activation.apply_with_slopes(y, slopes, bias);
                                    }
                                },
                            );
                        });
                    });
                });
            });
        });
        drop(kept);
        (x.with_elements(y, &[batch, outputs]), Saved { x, weight, kept: Kept { passed, slopes } })
    }

    /// Writes the gradient before the activation to `before`, which for a smooth one holds its derivatives.
    #[inline(always)]
    fn gradient_before(&self, before: &mut [f32], grad: &[f32], passed: &[u8]) {
        match self.activation {
            Activation::Identity => {}
            Activation::Relu => relu_gradient(before, grad, passed),
            Activation::Gelu | Activation::Silu => {
                before.iter_mut().zip(grad).for_each(|(before, grad)| *before *= grad);
            }
        }
    }
}

/// The gradients of the weight, of the bias and of `x`; the last is empty if it is not wanted.
struct Gradients<'a> {
    of_x: &'a mut [f32],
    of_weight: &'a mut [f32],
    of_bias: &'a mut [f32],
}

impl Linear {
    /// Computes the gradients from `grad`, that of `y`. `before` has its length, unless there is no
    /// activation; for a smooth one it holds the derivatives.
    fn gradients(
        &self,
        [x, weight, grad]: [&[f32]; 3],
        before: &mut [f32],
        passed: &[u8],
        outputs: usize,
        gradients: Gradients<'_>,
    ) {
        let Gradients { of_x, of_weight, of_bias } = gradients;
        let (batch, width) = (grad.len() / outputs, weight.len() / outputs);
        let weight = matrix(weight, width, outputs);
        let (block, number) = (ROWS * outputs, batch.div_ceil(ROWS));
        let mut of_x = chunks_or_none(of_x, ROWS * width, number);
        let mut of_blocks = chunks_or_none(before, block, number);
        let pieces = of_x.par_iter_mut().zip(&mut of_blocks).zip(grad.par_chunks(block));
        pieces.enumerate().for_each(|(piece, ((of_x, before), grad))| {
            let passed = passed.get(piece * block..).unwrap_or_default();
            vectorized(
                #[inline(always)]
                || self.gradient_before(before, grad, passed),
            );
            if !of_x.is_empty() {
                let grad = if before.is_empty() { grad } else { &**before };
                let grad = matrix(grad, grad.len() / outputs, outputs);
                multiply(of_x, Accum::Replace, grad, weight.transpose());
            }
        });
        let grad = if before.is_empty() { grad } else { before };
        if self.has_bias {
            let pieces = grad.par_chunks(ROWS_OF_BIAS * outputs);
            let sum = |grad: &[f32]| {
                let mut sum = vec![0.0; outputs];
                vectorized(
                    #[inline(always)]
                    || add_rows(&mut sum, grad),
                );
                [sum]
            };
            let [sum] = add_all(pieces.map(sum).collect());
            of_bias.copy_from_slice(&sum);
        }
        if !of_weight.is_empty() {
            let is_much = batch * width * outputs >= MUCH_WORK;
            let inputs = if width <= INPUTS && is_much { FEW_INPUTS } else { INPUTS };
            let (x, grad) = (matrix(x, batch, width), matrix(grad, batch, outputs));
            let pieces = of_weight.par_chunks_mut(inputs * outputs).enumerate();
            pieces.for_each(|(piece, of_weight)| {
                let x = x.subcols(piece * inputs, of_weight.len() / outputs);
                multiply(of_weight, Accum::Replace, x.transpose(), grad);
            });
        }
    }
}

impl<const N: usize> Operation<N> for Linear {
    type Saved = Saved;

    fn forward(&self, inputs: [HostBuffer; N]) -> HostBuffer {
        self.compute(&inputs, false).0
    }

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        self.compute(&inputs, true)
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { x, weight, kept: Kept { passed, mut slopes } } = saved;
        let ([batch, width], [_, outputs]) = (x.dims(), weight.dims());
        let mut of_x = take(if wanted[0] { batch * width } else { 0 });
        let mut of_weight = take(if wanted[1] { width * outputs } else { 0 });
        let mut of_bias = vec![0.0; outputs];
        grad.with_slice(|grad| {
            x.with_slice(|x| {
                weight.with_slice(|weight| {
                    let all = [x, weight, grad];
                    let (of_x, of_weight, of_bias) = (&mut of_x[..], &mut of_weight[..], &mut of_bias[..]);
                    let gradients = Gradients { of_x, of_weight, of_bias };
                    let scratch = if self.activation == Activation::Relu { grad.len() } else { 0 };
                    with_scratch(scratch, |scratch| {
                        let before = if self.activation.is_smooth() { &mut slopes } else { scratch };
                        self.gradients(all, before, &passed, outputs, gradients);
                    });
                });
            });
        });
        put(slopes);
        let mut of_inputs = [const { None }; N];
        of_inputs[0] = wanted[0].then(|| x.with_elements(of_x, &[batch, width]));
        of_inputs[1] = wanted[1].then(|| x.with_elements(of_weight, &[width, outputs]));
        if self.has_bias && wanted[2] {
            of_inputs[2] = Some(x.with_elements(of_bias, &[outputs]));
        }
        // An input without a gradient is data: the next step does not reuse its buffer.
        if wanted[0] {
            x.recycle();
        }
        if self.has_residual && wanted[N - 1] {
            of_inputs[N - 1] = Some(grad);
        } else {
            grad.recycle();
        }
        of_inputs
    }
}
