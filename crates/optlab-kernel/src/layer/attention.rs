//! Attention of each place of a sequence to others.

use crate::layer::elementary::exp;
use crate::layer::matmul::{Accum, MatRef, matrix, multiply, multiply_strided};
use crate::layer::operation::{Operation, apply};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::memory::scratch::with_scratch;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// The queries whose scores are computed at once. The scores of a head are never in memory as a whole, unless
/// there are no more queries than this.
const QUERIES: usize = 64;

/// Queries, keys and values of attention.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum AttentionInput {
    /// Side by side, `[batch, time, 3 · width]`.
    Joined(Tensor<3>),
    /// Each by itself, `[batch, time, width]`.
    Separate([Tensor<3>; 3]),
}

/// Computes attention with several heads (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>) of each
/// place of a sequence to the others:
///
/// ```text
/// Q, K, V = [Q₁ … Q_h], [K₁ … K_h], [V₁ … V_h]
/// y = [softmax(Q₁ K₁ᵀ / √size) V₁ … softmax(Q_h K_hᵀ / √size) V_h]
/// ```
///
/// With `is_causal` a place attends to itself and those before it. For the gradients only the logarithm of
/// each row's sum is kept, and the scores are computed again (Dao et al., 2022,
/// <https://arxiv.org/abs/2205.14135>).
///
/// # Shapes
/// `y`: `[batch, time, width]`; the width is `heads · size`.
///
/// # Panics
/// If a tensor is not [on the host](crate::is_on_host), or if the shapes do not match.
pub fn attention(input: AttentionInput, heads: usize, is_causal: bool) -> Tensor<3> {
    let operation = Attention { heads, is_causal };
    Tensor::from_dispatch(match input {
        AttentionInput::Joined(x) => {
            let width = x.dims()[2];
            assert!(
                heads > 0 && width.is_multiple_of(3 * heads),
                "queries, keys and values of {heads} heads"
            );
            apply(operation, [x.into_dispatch()])
        }
        AttentionInput::Separate(parts) => {
            let shape = parts[0].dims();
            assert!(heads > 0 && shape[2].is_multiple_of(heads), "queries of {heads} heads");
            assert!(parts.iter().all(|part| part.dims() == shape), "as many keys and values as queries");
            apply(operation, parts.map(Tensor::into_dispatch))
        }
    })
}

#[derive(Debug, Clone)]
struct Attention {
    heads: usize,
    is_causal: bool,
}

#[derive(Debug, Clone)]
struct Saved {
    inputs: Vec<HostBuffer>,
    y: HostBuffer,
    /// The logarithm of the sum of each row's exponentials, `[batch, heads, time]`.
    sums: Vec<f32>,
}

/// The sizes of a sequence and of its heads.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    time: usize,
    heads: usize,
    /// Numbers of a query, a key or a value.
    size: usize,
    is_causal: bool,
    /// Numbers from one place to the next in queries, keys and values.
    stride: usize,
}

impl Sizes {
    fn width(&self) -> usize {
        self.heads * self.size
    }

    fn scale(&self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }

    /// Returns where queries (`part` 0), keys (1) or values (2) of a head begin at a place.
    fn start(&self, part: usize, head: usize, place: usize) -> usize {
        let joined = if self.stride == self.width() { 0 } else { part * self.width() };
        place * self.stride + joined + head * self.size
    }

    /// Returns a part of a head at `count` places from `first` on.
    fn part<'a>(
        &self,
        x: [&'a [f32]; 3],
        part: usize,
        head: usize,
        first: usize,
        count: usize,
    ) -> MatRef<'a, f32> {
        let from = &x[part][self.start(part, head, first)..];
        MatRef::from_row_major_slice_with_stride(from, count, self.size, self.stride)
    }

    /// Returns how many keys the queries before `last` attend to.
    fn keys(&self, last: usize) -> usize {
        if self.is_causal { last } else { self.time }
    }

    /// Returns the number of keys that a query attends to.
    fn keys_of(&self, query: usize) -> usize {
        if self.is_causal { query + 1 } else { self.time }
    }

    /// Calls `with` with the first and the last query, excluded, of each block.
    fn for_blocks(&self, mut with: impl FnMut(usize, usize)) {
        for first in (0..self.time).step_by(QUERIES) {
            with(first, (first + QUERIES).min(self.time));
        }
    }
}

impl Attention {
    fn sizes(&self, inputs: &[HostBuffer]) -> (usize, Sizes) {
        let [batch, time, stride] = inputs[0].dims();
        let Attention { heads, is_causal } = *self;
        let width = if inputs.len() == 1 { stride / 3 } else { stride };
        (batch, Sizes { time, heads, size: width / heads, is_causal, stride })
    }

    fn compute(&self, inputs: impl IntoIterator<Item = HostBuffer>) -> Saved {
        let inputs: Vec<HostBuffer> = inputs.into_iter().map(HostBuffer::into_contiguous).collect();
        let (batch, sizes) = self.sizes(&inputs);
        let of_sequence = (sizes.time * sizes.width()).max(1);
        let mut y = take(batch * sizes.time * sizes.width());
        let mut sums = vec![0.0; batch * sizes.heads * sizes.time];
        with_parts(&inputs, |x| {
            let sequences =
                y.par_chunks_mut(of_sequence).zip(sums.par_chunks_mut((sizes.heads * sizes.time).max(1)));
            sequences.enumerate().for_each(|(sequence, (y, sums))| {
                let x = sequence_of(x, sequence, sizes);
                for head in 0..sizes.heads {
                    let sums = &mut sums[head * sizes.time..(head + 1) * sizes.time];
                    head_forward(sizes, x, head, y, sums);
                }
            });
        });
        let y = inputs[0].with_elements(y, &[batch, sizes.time, sizes.width()]);
        Saved { inputs, y, sums }
    }
}

/// Calls `with` with queries, keys and values; joined ones are three times the same slice.
fn with_parts<T>(inputs: &[HostBuffer], with: impl FnOnce([&[f32]; 3]) -> T) -> T {
    match inputs {
        [x] => x.with_slice(|x| with([x; 3])),
        [query, key, value] => query
            .with_slice(|query| key.with_slice(|key| value.with_slice(|value| with([query, key, value])))),
        _ => unreachable!("joined or separate"),
    }
}

/// Returns the parts of one sequence of a batch.
fn sequence_of(x: [&[f32]; 3], sequence: usize, sizes: Sizes) -> [&[f32]; 3] {
    let len = sizes.time * sizes.stride;
    x.map(|x| &x[sequence * len..(sequence + 1) * len])
}

/// Computes a head of one sequence.
fn head_forward(sizes: Sizes, x: [&[f32]; 3], head: usize, y: &mut [f32], sums: &mut [f32]) {
    let (size, width) = (sizes.size, sizes.width());
    sizes.for_blocks(|first, last| {
        let (rows, keys) = (last - first, sizes.keys(last));
        with_scratch(rows * keys, |scores| {
            let query = sizes.part(x, 0, head, first, rows);
            multiply(scores, Accum::Replace, query, sizes.part(x, 1, head, 0, keys).transpose());
            vectorized(
                #[inline(always)]
                || {
                    for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                        let (seen, hidden) = scores.split_at_mut(sizes.keys_of(first + row));
                        sums[first + row] = softmax(seen, sizes.scale());
                        hidden.fill(0.0);
                    }
                },
            );
            let weights = matrix(scores, rows, keys);
            let out = &mut y[first * width + head * size..];
            multiply_strided(out, width, Accum::Replace, weights, sizes.part(x, 2, head, 0, keys));
        });
    });
}

/// Replaces scores by the softmax of `scale` times them; returns the logarithm of the sum of the
/// exponentials.
#[inline(always)]
fn softmax(scores: &mut [f32], scale: f32) -> f32 {
    // A NaN makes the whole row NaN, through the sum.
    let largest = largest(scores) * scale;
    for score in scores.iter_mut() {
        *score = exp(*score * scale - largest);
    }
    let sum = total(scores);
    let factor = 1.0 / sum;
    scores.iter_mut().for_each(|score| *score *= factor);
    sum.ln() + largest
}

/// The numbers that are compared or added side by side.
const LANES: usize = 16;

#[inline(always)]
fn largest(numbers: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = numbers.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane = if *number > *lane { *number } else { *lane };
        }
    }
    lanes.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

#[inline(always)]
fn total(numbers: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let mut chunks = numbers.chunks_exact(LANES);
    for chunk in &mut chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, number)| *lane += number);
    }
    lanes.iter().chain(chunks.remainder()).sum()
}

#[inline(always)]
fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (mut lefts, mut rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    for (left, right) in (&mut lefts).zip(&mut rights) {
        for (lane, (left, right)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += left * right;
        }
    }
    let rest = lefts.remainder().iter().zip(rights.remainder());
    lanes.iter().sum::<f32>() + rest.map(|(left, right)| left * right).sum::<f32>()
}

/// A sequence with its result, the gradient of that and the sums of its rows.
#[derive(Clone, Copy)]
struct Sequence<'a> {
    sizes: Sizes,
    x: [&'a [f32]; 3],
    y: &'a [f32],
    grad: &'a [f32],
    sums: &'a [f32],
}

impl Sequence<'_> {
    /// Writes the gradients of the queries, keys and values of a head to `of_x`, which holds zeros: one slice
    /// for joined ones, else three.
    fn head_backward(&self, head: usize, of_x: &mut [&mut [f32]]) {
        let Sequence { sizes, x, y, grad, sums } = *self;
        let (size, width, scale) = (sizes.size, sizes.width(), sizes.scale());
        let sums = &sums[head * sizes.time..(head + 1) * sizes.time];
        // Later blocks of queries add to the keys and values that they see, too.
        let mut add = |part: usize, first: usize, left: MatRef<'_, f32>, right: MatRef<'_, f32>| {
            let slice = if of_x.len() == 1 { 0 } else { part };
            let out = &mut of_x[slice][sizes.start(part, head, first)..];
            multiply_strided(out, sizes.stride, Accum::Add, left, right);
        };
        sizes.for_blocks(|first, last| {
            let (rows, keys) = (last - first, sizes.keys(last));
            let query = sizes.part(x, 0, head, first, rows);
            let [key, value] = [1, 2].map(|part| sizes.part(x, part, head, 0, keys));
            let of_y = &grad[first * width + head * size..];
            let of_y = MatRef::from_row_major_slice_with_stride(of_y, rows, size, width);
            with_scratch(2 * rows * keys, |scratch| {
                let (weights, of_scores) = scratch.split_at_mut(rows * keys);
                multiply(weights, Accum::Replace, query, key.transpose());
                multiply(of_scores, Accum::Replace, of_y, value.transpose());
                vectorized(
                    #[inline(always)]
                    || {
                        let both = weights.chunks_exact_mut(keys).zip(of_scores.chunks_exact_mut(keys));
                        for (row, (weights, of_scores)) in both.enumerate() {
                            let query = first + row;
                            let seen = sizes.keys_of(query);
                            let place = query * width + head * size;
                            let along = product(&y[place..place + size], &grad[place..place + size]);
                            let pairs = weights[..seen].iter_mut().zip(&mut of_scores[..seen]);
                            for (weight, of_score) in pairs {
                                *weight = exp(*weight * scale - sums[query]);
                                *of_score = *weight * (*of_score - along) * scale;
                            }
                            weights[seen..].fill(0.0);
                            of_scores[seen..].fill(0.0);
                        }
                    },
                );
                let (weights, of_scores) = (matrix(weights, rows, keys), matrix(of_scores, rows, keys));
                add(0, first, of_scores, key);
                add(1, 0, of_scores.transpose(), query);
                add(2, 0, weights.transpose(), of_y);
            });
        });
    }
}

impl<const N: usize> Operation<N> for Attention {
    type Saved = Saved;

    fn forward(&self, inputs: [HostBuffer; N]) -> HostBuffer {
        let Saved { inputs, y, .. } = self.compute(inputs);
        inputs.into_iter().for_each(HostBuffer::recycle);
        y
    }

    fn forward_and_save(&self, inputs: [HostBuffer; N]) -> (HostBuffer, Saved) {
        let saved = self.compute(inputs);
        (saved.y.clone(), saved)
    }

    fn backward(&self, saved: Saved, grad: HostBuffer, wanted: [bool; N]) -> [Option<HostBuffer>; N] {
        let Saved { inputs, y, sums } = saved;
        let (batch, sizes) = self.sizes(&inputs);
        let of_sequence = (sizes.time * sizes.width()).max(1);
        let mut of_inputs = [(); N].map(|()| take(batch * sizes.time * sizes.stride));
        // The slices of each sequence.
        let mut of_sequences: Vec<Vec<&mut [f32]>> = (0..batch).map(|_| Vec::with_capacity(N)).collect();
        for of_input in &mut of_inputs {
            let slices = of_input.chunks_mut((sizes.time * sizes.stride).max(1));
            of_sequences.iter_mut().zip(slices).for_each(|(of_sequence, slice)| of_sequence.push(slice));
        }
        with_parts(&inputs, |x| {
            y.with_slice(|y| {
                grad.with_slice(|grad| {
                    let sequences = of_sequences.par_iter_mut().zip(y.par_chunks(of_sequence));
                    let sequences = sequences.zip(grad.par_chunks(of_sequence));
                    let sequences = sequences.zip(sums.par_chunks((sizes.heads * sizes.time).max(1)));
                    sequences.enumerate().for_each(|(sequence, (((of_x, y), grad), sums))| {
                        of_x.iter_mut().for_each(|of_x| of_x.fill(0.0));
                        let x = sequence_of(x, sequence, sizes);
                        let sequence = Sequence { sizes, x, y, grad, sums };
                        (0..sizes.heads).for_each(|head| sequence.head_backward(head, of_x));
                    });
                });
            });
        });
        drop(of_sequences);
        let shape = [batch, sizes.time, sizes.stride];
        let of_inputs = of_inputs.map(|of_input| Some(inputs[0].with_elements(of_input, &shape)));
        inputs.into_iter().chain([y, grad]).for_each(HostBuffer::recycle);
        // Only joined or separate tensors that all need a gradient are usual.
        let mut places = wanted.iter();
        of_inputs.map(|of_input| of_input.filter(|_| *places.next().expect("as many as inputs")))
    }
}
