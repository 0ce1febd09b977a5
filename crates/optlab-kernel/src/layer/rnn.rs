//! The simple recurrent layer.

use crate::layer::activation::add_rows;
use crate::layer::elementary::tanh;
use crate::layer::matmul::{Accum, MatRef, matrix, multiply};
use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::{add_all, chunks_or_none};
use crate::layer::steps::{SEQUENCES, add_grad_of_step, states_after, step_of};
use crate::memory::buffer::HostBuffer;
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The parameters of a simple recurrent layer.
#[derive(Debug, Clone)]
pub struct RnnParameters {
    /// `W`: `[features, hidden]`.
    pub input_weight: Tensor<2>,
    /// `U`: `[hidden, hidden]`.
    pub hidden_weight: Tensor<2>,
    /// `b` and `c`: `[hidden]` each; both or neither.
    pub biases: Option<[Tensor<1>; 2]>,
}

/// Computes a simple recurrent layer (Elman, 1990) over whole sequences:
///
/// ```text
/// hₜ = tanh(xₜ W + b + hₜ₋₁ U + c)        t = 1 … T
/// ```
///
/// With sequences of length 1 this is the layer's cell.
///
/// # Shapes
/// `x`: `[batch, T, features]`, `state` (`h₀`, zeros if `None`): `[batch, hidden]`. The result is every
/// state, `[batch, T, hidden]`, or with `only_last` the last one, `[batch, 1, hidden]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn rnn(x: Tensor<3>, parameters: RnnParameters, state: Option<Tensor<2>>, only_last: bool) -> Tensor<3> {
    let RnnParameters { input_weight, hidden_weight, biases } = parameters;
    let [features, hidden] = input_weight.dims();
    assert_eq!(x.dims()[2], features, "features of the sequences and of the weight");
    assert_eq!(hidden_weight.dims(), [hidden, hidden], "the shape of the hidden weight");
    if let Some(state) = &state {
        assert_eq!(state.dims(), [x.dims()[0], hidden], "the shape of the state");
    }
    let operation = Rnn { has_biases: biases.is_some(), has_state: state.is_some(), only_last };
    let (x, w, u) = (x.into_dispatch(), input_weight.into_dispatch(), hidden_weight.into_dispatch());
    let biases = biases.map(|biases| biases.map(Tensor::into_dispatch));
    Tensor::from_dispatch(match (biases, state.map(Tensor::into_dispatch)) {
        (None, None) => apply(operation, [x, w, u]),
        (None, Some(state)) => apply(operation, [x, w, u, state]),
        (Some([b, c]), None) => apply(operation, [x, w, u, b, c]),
        (Some([b, c]), Some(state)) => apply(operation, [x, w, u, b, c, state]),
    })
}

#[derive(Debug, Clone)]
struct Rnn {
    has_biases: bool,
    has_state: bool,
    only_last: bool,
}

#[derive(Debug, Clone)]
struct Saved {
    x: HostBuffer,
    input_weight: HostBuffer,
    hidden_weight: HostBuffer,
    /// The states h₀ … h_T of each piece of the batch: `[T + 1, sequences, hidden]`.
    states: Vec<Vec<f32>>,
}

/// The sizes of the batch, a sequence, its features and the hidden state.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    length: usize,
    features: usize,
    hidden: usize,
}

impl Sizes {
    fn new(x: &HostBuffer, input_weight: &HostBuffer) -> Self {
        let ([batch, length, features], [_, hidden]) = (x.dims(), input_weight.dims());
        Sizes { batch, length, features, hidden }
    }
}

impl Rnn {
    /// Computes the states of a piece of the batch.
    fn states(
        &self,
        sizes: Sizes,
        x: &[f32],
        weights: [MatRef<'_, f32>; 2],
        bias: &[f32],
        state: Option<&[f32]>,
    ) -> Vec<f32> {
        let Sizes { length, features, hidden, .. } = sizes;
        let sequences = x.len() / (length * features);
        let step_len = sequences * hidden;
        let mut states = vec![0.0; (length + 1) * step_len];
        if let Some(state) = state {
            states[..step_len].copy_from_slice(state);
        }
        let [input_weight, hidden_weight] = weights;
        for step in 0..length {
            let (before, after) = states[step * step_len..(step + 2) * step_len].split_at_mut(step_len);
            after.chunks_exact_mut(hidden).for_each(|row| row.copy_from_slice(bias));
            multiply(after, Accum::Add, step_of(x, step, length, features), input_weight);
            // The state before the first step is often 0.
            if step > 0 || state.is_some() {
                multiply(after, Accum::Add, matrix(before, sequences, hidden), hidden_weight);
            }
            vectorized(
                #[inline(always)]
                || after.iter_mut().for_each(|x| *x = tanh(*x)),
            );
        }
        states
    }
}

impl<const N: usize> Operation<N> for Rnn {
    type Saved = Saved;

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        let [x, input_weight, hidden_weight] = [0, 1, 2].map(|input| inputs[input].clone().into_contiguous());
        let sizes = Sizes::new(&x, &input_weight);
        let Sizes { batch, length, features, hidden } = sizes;
        let mut bias = vec![0.0; hidden];
        if self.has_biases {
            inputs[3].with_slice(|b| bias.copy_from_slice(b));
            inputs[4].with_slice(|c| add_rows(&mut bias, c));
        }
        let state = self.has_state.then(|| &inputs[N - 1]);
        let states: Vec<Vec<f32>> = x.with_slice(|x| {
            input_weight.with_slice(|w| {
                hidden_weight.with_slice(|u| {
                    HostBuffer::with_optional_slice(state, |state| {
                        let weights = [matrix(w, features, hidden), matrix(u, hidden, hidden)];
                        let pieces = x.par_chunks(SEQUENCES * length * features).enumerate();
                        let of_piece = |(piece, x): (usize, &[f32])| {
                            let sequences = x.len() / (length * features);
                            let first = piece * SEQUENCES * hidden;
                            let state = state.map(|state| &state[first..first + sequences * hidden]);
                            self.states(sizes, x, weights, &bias, state)
                        };
                        pieces.map(of_piece).collect()
                    })
                })
            })
        });
        let steps = if self.only_last { 1 } else { length };
        let pieces = states.iter().map(Vec::as_slice);
        let result = states_after(pieces, [batch, length, hidden], self.only_last);
        let result = x.with_elements(result, &[batch, steps, hidden]);
        (result, Saved { x, input_weight, hidden_weight, states })
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { x, input_weight, hidden_weight, states } = saved;
        let sizes = Sizes::new(&x, &input_weight);
        let Sizes { batch, length, features, hidden } = sizes;
        let steps = if self.only_last { 1 } else { length };
        let mut of_x = vec![0.0; if wanted[0] { x.len() } else { 0 }];
        let mut of_state = vec![0.0; batch * hidden];
        let mut places = chunks_or_none(&mut of_x, SEQUENCES * length * features, states.len());
        let sums: Vec<[Vec<f32>; 3]> = x.with_slice(|x| {
            grad.with_slice(|grad| {
                input_weight.with_slice(|w| {
                    hidden_weight.with_slice(|u| {
                        let pieces = x
                            .par_chunks(SEQUENCES * length * features)
                            .zip(grad.par_chunks(SEQUENCES * steps * hidden))
                            .zip(of_state.par_chunks_mut(SEQUENCES * hidden))
                            .zip(&mut places)
                            .zip(&states);
                        let of_piece = |((((x, grad), of_state), of_x), states): Piece<'_, '_>| {
                            let part = RnnPiece {
                                sizes,
                                x,
                                grad,
                                states,
                                input_weight: matrix(w, features, hidden),
                                hidden_weight: matrix(u, hidden, hidden),
                                has_state: self.has_state,
                            };
                            part.gradients(of_state, of_x)
                        };
                        pieces.map(of_piece).collect()
                    })
                })
            })
        });
        let [of_input_weight, of_hidden_weight, of_bias] = add_all(sums);
        let mut of_inputs = [const { None }; N];
        let mut put = |input: usize, grad: Vec<f32>, shape: &[usize]| {
            of_inputs[input] = wanted[input].then(|| x.with_elements(grad, shape));
        };
        put(0, of_x, &[batch, length, features]);
        put(1, of_input_weight, &[features, hidden]);
        put(2, of_hidden_weight, &[hidden, hidden]);
        if self.has_biases {
            put(3, of_bias.clone(), &[hidden]);
            put(4, of_bias, &[hidden]);
        }
        if self.has_state {
            put(N - 1, of_state, &[batch, hidden]);
        }
        of_inputs
    }
}

type Piece<'a, 'b> = ((((&'a [f32], &'a [f32]), &'a mut [f32]), &'a mut &'b mut [f32]), &'a Vec<f32>);

/// A piece of a batch, its gradient and its states.
struct RnnPiece<'a> {
    sizes: Sizes,
    x: &'a [f32],
    grad: &'a [f32],
    states: &'a [f32],
    input_weight: MatRef<'a, f32>,
    hidden_weight: MatRef<'a, f32>,
    has_state: bool,
}

impl RnnPiece<'_> {
    /// Returns the gradients of the two weights and of a bias. Writes the gradients of the state and the
    /// sequences to `of_state` and `of_x`.
    fn gradients(&self, of_state: &mut [f32], of_x: &mut [f32]) -> [Vec<f32>; 3] {
        let Sizes { length, features, hidden, .. } = self.sizes;
        let sequences = self.x.len() / (length * features);
        let step_len = sequences * hidden;
        let mut of_input_weight = vec![0.0; features * hidden];
        let mut of_hidden_weight = vec![0.0; hidden * hidden];
        let mut of_bias = vec![0.0; hidden];
        // The gradients before the tanh: `[T, sequences, hidden]`.
        with_scratch(length * step_len, |before_tanh| {
            for step in (0..length).rev() {
                let here = &mut before_tanh[step * step_len..(step + 1) * step_len];
                // Begin with the gradient from the later steps.
                match step + 1 == length {
                    true => here.fill(0.0),
                    false => here.copy_from_slice(of_state),
                }
                add_grad_of_step(here, self.grad, step, length, hidden);
                let after = &self.states[(step + 1) * step_len..(step + 2) * step_len];
                vectorized(
                    #[inline(always)]
                    || here.iter_mut().zip(after).for_each(|(grad, h)| *grad *= 1.0 - h * h),
                );
                if step > 0 || self.has_state {
                    let grad = matrix(here, sequences, hidden);
                    multiply(of_state, Accum::Replace, grad, self.hidden_weight.transpose());
                }
                let grad = matrix(here, sequences, hidden);
                let x = step_of(self.x, step, length, features);
                multiply(&mut of_input_weight, Accum::Add, x.transpose(), grad);
                vectorized(
                    #[inline(always)]
                    || add_rows(&mut of_bias, here),
                );
            }
            // All steps at once. The state before the first step contributes only if it was given, otherwise
            // it is 0.
            let first = usize::from(!self.has_state);
            let rows = (length - first) * sequences;
            let states = matrix(&self.states[first * step_len..length * step_len], rows, hidden);
            let grad = matrix(&before_tanh[first * step_len..], rows, hidden);
            multiply(&mut of_hidden_weight, Accum::Replace, states.transpose(), grad);
            if !of_x.is_empty() {
                self.gradient_of_x(before_tanh, of_x);
            }
        });
        [of_input_weight, of_hidden_weight, of_bias]
    }

    fn gradient_of_x(&self, before_tanh: &[f32], of_x: &mut [f32]) {
        let Sizes { length, features, hidden, .. } = self.sizes;
        let rows = before_tanh.len() / hidden;
        let sequences = rows / length;
        with_scratch(rows * features, |by_step| {
            let grad = matrix(before_tanh, rows, hidden);
            multiply(by_step, Accum::Replace, grad, self.input_weight.transpose());
            for (row, grad) in by_step.chunks_exact(features).enumerate() {
                let (step, sequence) = (row / sequences, row % sequences);
                of_x[(sequence * length + step) * features..][..features].copy_from_slice(grad);
            }
        });
    }
}
