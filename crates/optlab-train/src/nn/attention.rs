//! Attention of each place of a sequence to others.

use crate::nn::scores;
use crate::nn::tap::{self, tap};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};
use optlab_kernel as kernel;
pub use optlab_kernel::AttentionInput;

/// The name of the [tap](mod@crate::nn::tap) of attention weights `[batch, heads, time, time]`: for each
/// time step the share of each other one.
pub const ATTENTION: &str = "attention";

/// Computes attention with several heads; see [`kernel::attention`].
///
/// # Shapes
/// The result: `[batch, time, width]`; the width is a multiple of `heads`.
///
/// # Panics
/// If the shapes do not match.
pub fn attention(input: AttentionInput, heads: usize, is_causal: bool) -> Tensor<3> {
    scores::hear(&input, heads, is_causal);
    let on_host = match &input {
        AttentionInput::Joined(x) => kernel::is_on_host(x),
        AttentionInput::Separate([query, _, _]) => kernel::is_on_host(query),
    };
    if on_host && !tap::is_heard() {
        return kernel::attention(input, heads, is_causal);
    }
    by_weights(separate(input), heads, is_causal)
}

/// Returns queries, keys and values, each `[batch, time, width]`.
pub(super) fn separate(input: AttentionInput) -> [Tensor<3>; 3] {
    match input {
        AttentionInput::Separate(parts) => parts,
        AttentionInput::Joined(x) => {
            let width = x.dims()[2] / 3;
            [0, 1, 2].map(|part| x.clone().narrow(2, part * width, width))
        }
    }
}

/// Computes the same by Burn's operations, with a [tap](mod@tap) at the weights, which are in memory as a
/// whole.
fn by_weights([query, key, value]: [Tensor<3>; 3], heads: usize, is_causal: bool) -> Tensor<3> {
    let shape = query.dims();
    let weights = tap(ATTENTION, softmax(scores_of([query, key], heads, is_causal), 3));
    weights.matmul(by_heads(value, heads)).swap_dims(1, 2).reshape(shape)
}

/// Returns the scores of queries and keys, `[batch, heads, time, time]`: `q · k / √size`, and `−∞` where the
/// key is hidden.
pub(super) fn scores_of([query, key]: [Tensor<3>; 2], heads: usize, is_causal: bool) -> Tensor<4> {
    let [_, time, width] = query.dims();
    let query = by_heads(query, heads).mul_scalar(1.0 / ((width / heads) as f64).sqrt());
    let scores = query.matmul(by_heads(key, heads).transpose());
    if !is_causal {
        return scores;
    }
    // True above the diagonal, which is hidden.
    let hidden = Tensor::<2, Bool>::tril_mask([time, time], 0, &scores.device());
    scores.mask_fill(hidden.unsqueeze::<4>(), f32::NEG_INFINITY)
}

/// Returns `x`, `[batch, time, width]`, as `[batch, heads, time, width / heads]`.
fn by_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, time, width] = x.dims();
    x.reshape([batch, time, heads, width / heads]).swap_dims(1, 2)
}
