//! The gradients of a piece of a batch.

use crate::layer::activation::add_rows;
use crate::layer::elementary::tanh;
use crate::layer::gated::{GatedCell, Sizes, Trace};
use crate::layer::matmul::{Accum, MatRef, matrix, multiply};
use crate::layer::steps::{add_grad_of_step, step_of};
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;

/// A piece of a batch, the gradient of its result and its trace.
pub(super) struct Piece<'a> {
    pub cell: GatedCell,
    pub sizes: Sizes,
    pub x: &'a [f32],
    pub grad: &'a [f32],
    pub trace: &'a Trace,
    pub weights: [MatRef<'a, f32>; 2],
}

impl Piece<'_> {
    /// Returns the gradients of the two weights and the two biases; writes that of the sequences to `of_x`
    /// unless that is empty.
    pub fn gradients(&self, of_x: &mut [f32]) -> [Vec<f32>; 4] {
        let Sizes { length, features, hidden, all, .. } = self.sizes;
        let [input_weight, hidden_weight] = self.weights;
        let sequences = self.x.len() / (length * features);
        let (of_state, of_gates) = (sequences * hidden, sequences * all);
        let mut sums = [features * all, hidden * all, all, all].map(|len| vec![0.0; len]);
        let [of_input_weight, of_hidden_weight, of_b, of_c] = &mut sums;
        with_scratch(2 * of_gates + 2 * of_state + sequences * features, |scratch| {
            let (of_u, scratch) = scratch.split_at_mut(of_gates);
            let (of_v, scratch) = scratch.split_at_mut(of_gates);
            // The gradients of the state and of the memory after a step, then before it.
            let (later, scratch) = scratch.split_at_mut(of_state);
            let (memory, of_inputs) = scratch.split_at_mut(of_state);
            later.fill(0.0);
            memory.fill(0.0);
            for step in (0..length).rev() {
                add_grad_of_step(later, self.grad, step, length, hidden);
                vectorized(
                    #[inline(always)]
                    || match self.cell {
                        GatedCell::Gru => self.gru_gradient(step, later, of_u, of_v),
                        GatedCell::Lstm => self.lstm_gradient(step, later, memory, of_u, of_v),
                    },
                );
                let (u, v) = (matrix(of_u, sequences, all), matrix(of_v, sequences, all));
                // The state before the first step is 0 and has no gradient.
                if step > 0 {
                    let before = &self.trace.states[step * of_state..(step + 1) * of_state];
                    multiply(later, Accum::Add, v, hidden_weight.transpose());
                    multiply(of_hidden_weight, Accum::Add, matrix(before, sequences, hidden).transpose(), v);
                }
                multiply(of_input_weight, Accum::Add, step_of(self.x, step, length, features).transpose(), u);
                vectorized(
                    #[inline(always)]
                    || {
                        add_rows(of_b, of_u);
                        add_rows(of_c, of_v);
                    },
                );
                if !of_x.is_empty() {
                    multiply(of_inputs, Accum::Replace, u, input_weight.transpose());
                    for (of_x, grad) in
                        of_x.chunks_exact_mut(length * features).zip(of_inputs.chunks_exact(features))
                    {
                        of_x[step * features..][..features].copy_from_slice(grad);
                    }
                }
            }
        });
        sums
    }

    /// Writes the gradients of `u` and `v`, and replaces that of the states after the step by what the states
    /// before it get besides through `v`.
    #[inline(always)]
    fn gru_gradient(&self, step: usize, later: &mut [f32], of_u: &mut [f32], of_v: &mut [f32]) {
        let (hidden, all) = (self.sizes.hidden, self.sizes.all);
        let (of_state, of_gates) = (later.len(), of_u.len());
        let rows = self.trace.gates[step * of_gates..].chunks_exact(all);
        let before = self.trace.states[step * of_state..].chunks_exact(hidden);
        let kept = self.trace.kept[step * of_state..].chunks_exact(hidden);
        let grads = of_u.chunks_exact_mut(all).zip(of_v.chunks_exact_mut(all));
        let rows = rows.zip(before).zip(kept).zip(grads).zip(later.chunks_exact_mut(hidden));
        for ((((gates, before), kept), (of_u, of_v)), later) in rows {
            let (reset, rest) = gates.split_at(hidden);
            let (update, new) = rest.split_at(hidden);
            for i in 0..hidden {
                let (r, z, n) = (reset[i], update[i], new[i]);
                let of_new = later[i] * (1.0 - z) * (1.0 - n * n);
                let of_update = later[i] * (before[i] - n) * z * (1.0 - z);
                let of_reset = of_new * kept[i] * r * (1.0 - r);
                (of_u[i], of_u[hidden + i], of_u[2 * hidden + i]) = (of_reset, of_update, of_new);
                (of_v[i], of_v[hidden + i], of_v[2 * hidden + i]) = (of_reset, of_update, of_new * r);
                later[i] *= z;
            }
        }
    }

    /// Writes the gradients of `u` and `v`, replaces that of the memories after the step by that of those
    /// before it, and clears that of the states.
    #[inline(always)]
    fn lstm_gradient(
        &self,
        step: usize,
        later: &mut [f32],
        memory: &mut [f32],
        of_u: &mut [f32],
        of_v: &mut [f32],
    ) {
        let (hidden, all) = (self.sizes.hidden, self.sizes.all);
        let (of_state, of_gates) = (later.len(), of_u.len());
        let rows = self.trace.gates[step * of_gates..].chunks_exact(all);
        let before = self.trace.kept[step * of_state..].chunks_exact(hidden);
        let after = self.trace.kept[(step + 1) * of_state..].chunks_exact(hidden);
        let grads = later.chunks_exact_mut(hidden).zip(memory.chunks_exact_mut(hidden));
        let rows = rows.zip(before).zip(after).zip(of_u.chunks_exact_mut(all)).zip(grads);
        for ((((gates, before), after), of_u), (later, memory)) in rows {
            for i in 0..hidden {
                let [input, forget, candidate, output] = [0, 1, 2, 3].map(|gate| gates[gate * hidden + i]);
                let bent = tanh(after[i]);
                let of_memory = memory[i] + later[i] * output * (1.0 - bent * bent);
                of_u[i] = of_memory * candidate * input * (1.0 - input);
                of_u[hidden + i] = of_memory * before[i] * forget * (1.0 - forget);
                of_u[2 * hidden + i] = of_memory * input * (1.0 - candidate * candidate);
                of_u[3 * hidden + i] = later[i] * bent * output * (1.0 - output);
                memory[i] = of_memory * forget;
                later[i] = 0.0;
            }
        }
        of_v.copy_from_slice(of_u);
    }
}
