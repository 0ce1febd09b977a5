//! The steps of sequences, which recurrent layers read one after the other.

use crate::layer::matmul::MatRef;

/// The sequences in a piece of the batch.
pub(super) const SEQUENCES: usize = 16;

/// Returns step `step` of sequences `[sequences, length, features]`.
pub(super) fn step_of(x: &[f32], step: usize, length: usize, features: usize) -> MatRef<'_, f32> {
    let len = length * features;
    MatRef::from_row_major_slice_with_stride(&x[step * features..], x.len() / len, features, len)
}

/// Returns the states of a batch after each step, `[batch, length, hidden]`, or with `only_last` after the
/// last, `[batch, 1, hidden]`. `pieces` are the states of each piece before and after all steps, `[length +
/// 1, sequences, hidden]`.
pub(super) fn states_after<'a>(
    pieces: impl Iterator<Item = &'a [f32]>,
    [batch, length, hidden]: [usize; 3],
    only_last: bool,
) -> Vec<f32> {
    let first = if only_last { length } else { 1 };
    let steps = length + 1 - first;
    let mut result = vec![0.0; batch * steps * hidden];
    for (result, states) in result.chunks_mut(SEQUENCES * steps * hidden).zip(pieces) {
        let of_step = states.len() / (length + 1);
        for (step, states) in states[first * of_step..].chunks_exact(of_step).enumerate() {
            let rows = result.chunks_exact_mut(steps * hidden).zip(states.chunks_exact(hidden));
            rows.for_each(|(result, state)| result[step * hidden..][..hidden].copy_from_slice(state));
        }
    }
    result
}

/// Adds to `of_states`, `[sequences, hidden]`, the gradient of the result for the states after `step` of
/// `length`. `grad` is the gradient of every state, or of the last one alone.
pub(super) fn add_grad_of_step(
    of_states: &mut [f32],
    grad: &[f32],
    step: usize,
    length: usize,
    hidden: usize,
) {
    let steps = grad.len() / of_states.len();
    // If only the last state is the result, its gradient is the only one.
    if let Some(step) = (step + steps).checked_sub(length) {
        let rows = of_states.chunks_exact_mut(hidden).zip(grad.chunks_exact(steps * hidden));
        for (of_state, grad) in rows {
            of_state.iter_mut().zip(&grad[step * hidden..]).for_each(|(of_state, grad)| *of_state += grad);
        }
    }
}
