//! Recurrent layers with gates: GRU and LSTM.

mod gradients;

use crate::layer::elementary::{sigmoid, tanh};
use crate::layer::matmul::{Accum, MatRef, matrix, multiply};
use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::{add_all, chunks_or_none};
use crate::layer::steps::{SEQUENCES, states_after, step_of};
use crate::memory::buffer::HostBuffer;
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use gradients::Piece;
use rayon::prelude::*;

/// A recurrent cell with gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatedCell {
    /// Gates `r z n` (Cho et al., 2014, <https://arxiv.org/abs/1406.1078>).
    Gru,
    /// Gates `i f g o` (Hochreiter & Schmidhuber, 1997).
    Lstm,
}

impl GatedCell {
    /// Returns the number of gates.
    pub fn gates(self) -> usize {
        match self {
            GatedCell::Gru => 3,
            GatedCell::Lstm => 4,
        }
    }
}

/// The parameters of a recurrent layer with gates, whose weights stand side by side.
#[derive(Debug, Clone)]
pub struct GatedParameters {
    /// `W`: `[features, gates · hidden]`.
    pub input_weight: Tensor<2>,
    /// `U`: `[hidden, gates · hidden]`.
    pub hidden_weight: Tensor<2>,
    /// `b` and `c`: `[gates · hidden]` each.
    pub biases: [Tensor<1>; 2],
}

/// Computes a recurrent layer with gates over whole sequences, from a state of zeros:
///
/// ```text
/// uₜ = xₜ W + b        vₜ = hₜ₋₁ U + c
///
/// GRU     r, z = σ(uₜ + vₜ)        n = tanh(uₜ + r vₜ)        hₜ = (1 − z) n + z hₜ₋₁
/// LSTM    i, f, o = σ(uₜ + vₜ)     g = tanh(uₜ + vₜ)          mₜ = f mₜ₋₁ + i g        hₜ = o tanh(mₜ)
/// ```
///
/// # Shapes
/// `x`: `[batch, T, features]`. The result is every state, `[batch, T, hidden]`, or with `only_last` the last
/// one, `[batch, 1, hidden]`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn gated(x: Tensor<3>, cell: GatedCell, parameters: GatedParameters, only_last: bool) -> Tensor<3> {
    let GatedParameters { input_weight, hidden_weight, biases } = parameters;
    let [hidden, all] = hidden_weight.dims();
    assert_eq!(all, cell.gates() * hidden, "a gate of the hidden weight is as wide as the state");
    assert_eq!(input_weight.dims(), [x.dims()[2], all], "the shape of the input weight");
    assert!(biases.iter().all(|bias| bias.dims() == [all]), "the shape of the biases");
    let [b, c] = biases.map(Tensor::into_dispatch);
    let inputs = [x.into_dispatch(), input_weight.into_dispatch(), hidden_weight.into_dispatch(), b, c];
    Tensor::from_dispatch(apply(Gated { cell, only_last }, inputs))
}

#[derive(Debug, Clone)]
struct Gated {
    cell: GatedCell,
    only_last: bool,
}

#[derive(Debug, Clone)]
struct Saved {
    x: HostBuffer,
    input_weight: HostBuffer,
    hidden_weight: HostBuffer,
    pieces: Vec<Trace>,
}

/// The states and the gates of a piece of the batch, step by step.
#[derive(Debug, Clone)]
struct Trace {
    /// The states h₀ … h_T, `[T + 1, sequences, hidden]`.
    states: Vec<f32>,
    /// The gates after their functions, `[T, sequences, gates · hidden]`.
    gates: Vec<f32>,
    /// GRU: the third part of `v`, `[T, sequences, hidden]`. LSTM: the memories m₀ … m_T,
    /// `[T + 1, sequences, hidden]`.
    kept: Vec<f32>,
}

/// The sizes of the batch, a sequence, its features, the hidden state and all gates.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    length: usize,
    features: usize,
    hidden: usize,
    all: usize,
}

impl Sizes {
    fn new(x: &HostBuffer, hidden_weight: &HostBuffer) -> Self {
        let ([batch, length, features], [hidden, all]) = (x.dims(), hidden_weight.dims());
        Sizes { batch, length, features, hidden, all }
    }
}

impl Gated {
    /// Computes a piece of the batch.
    fn trace(&self, sizes: Sizes, x: &[f32], weights: [MatRef<'_, f32>; 2], biases: [&[f32]; 2]) -> Trace {
        let Sizes { length, features, hidden, all, .. } = sizes;
        let sequences = x.len() / (length * features);
        let (of_state, of_gates) = (sequences * hidden, sequences * all);
        let mut states = vec![0.0; (length + 1) * of_state];
        let mut gates = vec![0.0; length * of_gates];
        let memories = if self.cell == GatedCell::Lstm { length + 1 } else { length };
        let mut kept = vec![0.0; memories * of_state];
        let [input_weight, hidden_weight] = weights;
        with_scratch(of_gates, |from_state| {
            for step in 0..length {
                let (before, after) = states[step * of_state..(step + 2) * of_state].split_at_mut(of_state);
                let gates = &mut gates[step * of_gates..(step + 1) * of_gates];
                gates.chunks_exact_mut(all).for_each(|row| row.copy_from_slice(biases[0]));
                multiply(gates, Accum::Add, step_of(x, step, length, features), input_weight);
                from_state.chunks_exact_mut(all).for_each(|row| row.copy_from_slice(biases[1]));
                // The state before the first step is 0.
                if step > 0 {
                    multiply(from_state, Accum::Add, matrix(before, sequences, hidden), hidden_weight);
                }
                let kept = &mut kept[step * of_state..];
                vectorized(
                    #[inline(always)]
                    || match self.cell {
                        GatedCell::Gru => gru_step(hidden, gates, from_state, before, after, kept),
                        GatedCell::Lstm => lstm_step(hidden, gates, from_state, after, kept),
                    },
                );
            }
        });
        Trace { states, gates, kept }
    }
}

/// Replaces the inputs of the gates by the gates, writes the new states and keeps the third part of `v`.
#[inline(always)]
fn gru_step(
    hidden: usize,
    gates: &mut [f32],
    v: &[f32],
    before: &[f32],
    after: &mut [f32],
    kept: &mut [f32],
) {
    let rows = gates.chunks_exact_mut(3 * hidden).zip(v.chunks_exact(3 * hidden));
    let states = before.chunks_exact(hidden).zip(after.chunks_exact_mut(hidden));
    for (((gates, v), (before, after)), kept) in rows.zip(states).zip(kept.chunks_exact_mut(hidden)) {
        let (reset, rest) = gates.split_at_mut(hidden);
        let (update, new) = rest.split_at_mut(hidden);
        kept.copy_from_slice(&v[2 * hidden..]);
        for i in 0..hidden {
            reset[i] = sigmoid(reset[i] + v[i]);
            update[i] = sigmoid(update[i] + v[hidden + i]);
            new[i] = tanh(new[i] + reset[i] * v[2 * hidden + i]);
            after[i] = new[i] + update[i] * (before[i] - new[i]);
        }
    }
}

/// Replaces the inputs of the gates by the gates, and writes the new states; `memory` begins with the
/// memories before the step, the new ones follow.
#[inline(always)]
fn lstm_step(hidden: usize, gates: &mut [f32], v: &[f32], after: &mut [f32], memory: &mut [f32]) {
    let (before, new) = memory.split_at_mut(after.len());
    let rows = gates.chunks_exact_mut(4 * hidden).zip(v.chunks_exact(4 * hidden));
    let memories = before.chunks_exact(hidden).zip(new.chunks_exact_mut(hidden));
    for (((gates, v), (before, new)), after) in rows.zip(memories).zip(after.chunks_exact_mut(hidden)) {
        let (input, rest) = gates.split_at_mut(hidden);
        let (forget, rest) = rest.split_at_mut(hidden);
        let (candidate, output) = rest.split_at_mut(hidden);
        for i in 0..hidden {
            input[i] = sigmoid(input[i] + v[i]);
            forget[i] = sigmoid(forget[i] + v[hidden + i]);
            candidate[i] = tanh(candidate[i] + v[2 * hidden + i]);
            output[i] = sigmoid(output[i] + v[3 * hidden + i]);
            new[i] = forget[i] * before[i] + input[i] * candidate[i];
            after[i] = output[i] * tanh(new[i]);
        }
    }
}

/// Sequences, the gradient of their result, their trace, and the place of their own gradient.
type Part<'a, 'b> = (((&'a [f32], &'a [f32]), &'a Trace), &'a mut &'b mut [f32]);

impl Operation<5> for Gated {
    type Saved = Saved;

    fn forward_and_save(&self, inputs: [HostBuffer; 5]) -> (HostBuffer, Saved) {
        let [x, input_weight, hidden_weight, b, c] = inputs.map(HostBuffer::into_contiguous);
        let sizes = Sizes::new(&x, &hidden_weight);
        let Sizes { batch, length, features, hidden, all } = sizes;
        let pieces: Vec<Trace> = x.with_slice(|x| {
            input_weight.with_slice(|w| {
                hidden_weight.with_slice(|u| {
                    b.with_slice(|b| {
                        c.with_slice(|c| {
                            let weights = [matrix(w, features, all), matrix(u, hidden, all)];
                            let pieces = x.par_chunks(SEQUENCES * length * features);
                            pieces.map(|x| self.trace(sizes, x, weights, [b, c])).collect()
                        })
                    })
                })
            })
        });
        let steps = if self.only_last { 1 } else { length };
        let states = pieces.iter().map(|piece| piece.states.as_slice());
        let result = states_after(states, [batch, length, hidden], self.only_last);
        let result = x.with_elements(result, &[batch, steps, hidden]);
        (result, Saved { x, input_weight, hidden_weight, pieces })
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; 5]) -> [Option<HostBuffer>; 5] {
        let Saved { x, input_weight, hidden_weight, pieces } = saved;
        let sizes = Sizes::new(&x, &hidden_weight);
        let Sizes { batch, length, features, hidden, all } = sizes;
        let steps = if self.only_last { 1 } else { length };
        let mut of_x = vec![0.0; if wanted[0] { x.len() } else { 0 }];
        let mut places = chunks_or_none(&mut of_x, SEQUENCES * length * features, pieces.len());
        let sums: Vec<[Vec<f32>; 4]> = x.with_slice(|x| {
            grad.with_slice(|grad| {
                input_weight.with_slice(|w| {
                    hidden_weight.with_slice(|u| {
                        let parts = x
                            .par_chunks(SEQUENCES * length * features)
                            .zip(grad.par_chunks(SEQUENCES * steps * hidden))
                            .zip(&pieces)
                            .zip(&mut places);
                        let of_part = |(((x, grad), trace), of_x): Part<'_, '_>| {
                            let weights = [matrix(w, features, all), matrix(u, hidden, all)];
                            Piece { cell: self.cell, sizes, x, grad, trace, weights }.gradients(of_x)
                        };
                        parts.map(of_part).collect()
                    })
                })
            })
        });
        let [of_input_weight, of_hidden_weight, of_b, of_c] = add_all(sums);
        let shapes: [&[usize]; 5] =
            [&[batch, length, features], &[features, all], &[hidden, all], &[all], &[all]];
        let mut places = shapes.into_iter().zip(wanted);
        [of_x, of_input_weight, of_hidden_weight, of_b, of_c].map(|grad| {
            let (shape, is_wanted) = places.next().expect("five inputs");
            is_wanted.then(|| x.with_elements(grad, shape))
        })
    }
}
