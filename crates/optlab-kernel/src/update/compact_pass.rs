//! One pass over buffers of which some are compact: a few elements at a time are decoded into the fastest
//! cache, updated by the loops of [`pass`], and encoded again.

use crate::memory::compact::rounding::PieceBits;
use crate::memory::compact::{BLOCK, Codes, CodesMut, CodesRef, Rounding, STRIP, bfloat16};
use crate::memory::scratch::with_scratch;
use crate::memory::source::{PIECE, Source};
use crate::update::{MAX_SUMS, Update, pass};
use crate::vectorize::vectorized;

/// The numbers of a block, at the start of a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Decoded([f32; BLOCK]);

/// The elements of a buffer from one place on.
pub(super) enum Part<'a> {
    Floats(&'a mut [f32]),
    Compact(CodesMut<'a>),
}

impl Part<'_> {
    fn split_at(self, middle: usize) -> (Self, Self) {
        match self {
            Part::Floats(floats) => {
                let (left, right) = floats.split_at_mut(middle);
                (Part::Floats(left), Part::Floats(right))
            }
            Part::Compact(codes) => {
                let (left, right) = codes.split_at(middle);
                (Part::Compact(left), Part::Compact(right))
            }
        }
    }
}

/// Applies `update` to all elements, as [`pass::apply`] does. `first` is the index of the first element in
/// the whole buffers.
pub(super) fn apply<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: Source<'_>,
    state: [Part<'_>; N],
    rounding: Rounding,
    first: usize,
) {
    let len = theta.len();
    if len <= PIECE {
        return apply_piece(update, sums, theta, grad, state, rounding, first);
    }
    let middle = pass::middle(len);
    let (theta, theta_right) = theta.split_at_mut(middle);
    let (grad, grad_right) = grad.split_at(middle);
    let mut right = Vec::with_capacity(N);
    let state = state.map(|part| {
        let (left, of_right) = part.split_at(middle);
        right.push(of_right);
        left
    });
    let mut right = right.into_iter();
    let state_right: [Part<'_>; N] =
        std::array::from_fn(|_| right.next().expect("as many parts on the right as on the left"));
    rayon::join(
        || apply(update, sums, theta, grad, state, rounding, first),
        || apply(update, sums, theta_right, grad_right, state_right, rounding, first + middle),
    );
}

fn apply_piece<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: Source<'_>,
    mut state: [Part<'_>; N],
    rounding: Rounding,
    first: usize,
) {
    let bits: [PieceBits; N] = std::array::from_fn(|index| rounding.of_piece(index, first));
    let mut decoded = [Decoded([0.0; BLOCK]); N];
    let has_bytes = state.iter().any(|part| matches!(part, Part::Compact(Codes::Bytes { .. })));
    grad.with_piece(theta.len(), |grad| {
        vectorized(
            #[inline(always)]
            || {
                for (block, (theta, grad)) in theta.chunks_mut(BLOCK).zip(grad.chunks(BLOCK)).enumerate() {
                    let len = theta.len();
                    if has_bytes {
                        decode_bytes(&state, block, len, &mut decoded);
                    }
                    apply_strips(update, sums, theta, grad, &mut state, block, &mut decoded, &bits);
                    if has_bytes {
                        encode_bytes(&mut state, block, len, &decoded, &bits);
                    }
                }
            },
        );
    });
}

/// Applies `update` to the block with index `block`, strip by strip. Strips in 16 bits are decoded before and
/// encoded after the update, those in 8 bits are in `decoded`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "everything that a block needs")]
fn apply_strips<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: &[f32],
    state: &mut [Part<'_>; N],
    block: usize,
    decoded: &mut [Decoded; N],
    bits: &[PieceBits; N],
) {
    let (strips, rest) = theta.as_chunks_mut::<STRIP>();
    let (grads, rest_grad) = grad.as_chunks::<STRIP>();
    let whole = strips.len() * STRIP;
    for (strip, (theta, grad)) in strips.iter_mut().zip(grads).enumerate() {
        apply_strip(update, sums, theta, grad, state, block, strip * STRIP, decoded, bits);
    }
    if !rest.is_empty() {
        apply_strip(update, sums, rest, rest_grad, state, block, whole, decoded, bits);
    }
}

/// Applies `update` to a strip, which begins with element `start` of the block.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "everything that a strip needs")]
fn apply_strip<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: &[f32],
    state: &mut [Part<'_>; N],
    block: usize,
    start: usize,
    decoded: &mut [Decoded; N],
    bits: &[PieceBits; N],
) {
    let len = theta.len();
    let of_part = block * BLOCK + start..block * BLOCK + start + len;
    let of_block = start..start + len;
    // Arrays of their own, so that the compiler can keep them in registers.
    let mut strips = [[0.0; STRIP]; N];
    for index in 0..N {
        let strip = &mut strips[index][..len];
        match &state[index] {
            Part::Floats(floats) => strip.copy_from_slice(&floats[of_part.clone()]),
            Part::Compact(Codes::Halves(codes)) => bfloat16::decode(&codes[of_part.clone()], strip),
            Part::Compact(Codes::Bytes { .. }) => strip.copy_from_slice(&decoded[index].0[of_block.clone()]),
        }
    }
    let slices = strips.each_mut().map(
        #[inline(always)]
        |strip| &mut strip[..len],
    );
    pass::apply_slices(update, sums, theta, grad, slices);
    for index in 0..N {
        let strip = &strips[index][..len];
        match &mut state[index] {
            Part::Floats(floats) => floats[of_part.clone()].copy_from_slice(strip),
            Part::Compact(Codes::Halves(codes)) => {
                bfloat16::encode(strip, &mut codes[of_part.clone()], bits[index].of_strip(of_part.start));
            }
            Part::Compact(Codes::Bytes { .. }) => decoded[index].0[of_block.clone()].copy_from_slice(strip),
        }
    }
}

/// Decodes block `block` of the parts in 8 bits.
#[inline(never)]
fn decode_bytes(state: &[Part<'_>], block: usize, len: usize, decoded: &mut [Decoded]) {
    for (part, decoded) in state.iter().zip(decoded.iter_mut()) {
        if let Part::Compact(codes @ Codes::Bytes { .. }) = part {
            vectorized(
                #[inline(always)]
                || codes.read().decode_block(block, &mut decoded.0[..len]),
            );
        }
    }
}

/// Encodes block `block` of the parts in 8 bits.
#[inline(never)]
fn encode_bytes(state: &mut [Part<'_>], block: usize, len: usize, decoded: &[Decoded], bits: &[PieceBits]) {
    for ((part, decoded), bits) in state.iter_mut().zip(decoded).zip(bits) {
        if let Part::Compact(codes @ Codes::Bytes { .. }) = part {
            vectorized(
                #[inline(always)]
                || codes.encode_block(block, &decoded.0[..len], *bits),
            );
        }
    }
}

/// Returns the sums that `update` needs, as [`pass::sums`] does.
pub(super) fn sums<U: Update, const N: usize>(
    update: &U,
    theta: &[f32],
    grad: Source<'_>,
    state: &[Part<'_>; N],
    start: usize,
) -> [f64; MAX_SUMS] {
    let len = theta.len();
    if len > PIECE {
        let middle = pass::middle(len);
        let (theta, theta_right) = theta.split_at(middle);
        let (grad, grad_right) = grad.split_at(middle);
        let (left, right) = rayon::join(
            || sums(update, theta, grad, state, start),
            || sums(update, theta_right, grad_right, state, start + middle),
        );
        return std::array::from_fn(|sum| left[sum] + right[sum]);
    }
    with_scratch(N * PIECE, |decoded| {
        let mut pieces = state.iter().zip(decoded.chunks_mut(PIECE)).map(|(part, decoded)| match part {
            Part::Floats(floats) => &floats[start..start + len],
            Part::Compact(codes) => {
                let decoded = &mut decoded[..len];
                decode_piece(codes.read(), start / BLOCK, decoded);
                &*decoded
            }
        });
        let slices: [&[f32]; N] = std::array::from_fn(|_| pieces.next().expect("a part for each buffer"));
        pass::piece_sums(update, theta, grad, slices)
    })
}

fn decode_piece(codes: CodesRef<'_>, first: usize, decoded: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (block, decoded) in decoded.chunks_mut(BLOCK).enumerate() {
                codes.decode_block(first + block, decoded);
            }
        },
    );
}
