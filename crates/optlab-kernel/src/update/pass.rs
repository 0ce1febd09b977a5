//! One pass over contiguous buffers: every element is read once and written once.
//!
//! Buffers are split into pieces of a fixed length for any number of threads, so a sum is always added in the
//! same order, and a result never depends on the machine's cores. A piece of compact buffers is decoded a few
//! elements at a time into the fastest cache, updated there, and encoded again.

use crate::memory::compact::rounding::PieceBits;
use crate::memory::compact::{BLOCK, CodesMut, CodesRef, Rounding};
use crate::memory::scratch::with_scratch;
use crate::memory::source::{PIECE, Source};
use crate::update::loops::Loops;
use crate::update::{MAX_BUFFERS, MAX_SUMS};
use crate::vectorize::vectorized;

/// The number of neighbouring elements that are decoded, updated and encoded together: a whole number of
/// blocks, of which a whole number is in a piece.
const RUN: usize = 2 * BLOCK;

/// The numbers of a run, at the start of a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Decoded([f32; RUN]);

/// The elements of a buffer from one place on.
#[derive(Default)]
pub(super) enum Part<'a> {
    /// No buffer: the rule has fewer.
    #[default]
    Absent,
    Floats(&'a mut [f32]),
    Compact(CodesMut<'a>),
}

/// The buffers of a rule, and after them as many absent ones as there is room for.
pub(super) type Parts<'a> = [Part<'a>; MAX_BUFFERS];

impl Part<'_> {
    fn split_at(self, middle: usize) -> (Self, Self) {
        match self {
            Part::Absent => (Part::Absent, Part::Absent),
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

/// Splits the buffers at `middle`; `state` keeps the left parts, and the right ones are returned.
fn split_off<'a>(state: &mut Parts<'a>, middle: usize) -> Parts<'a> {
    state.each_mut().map(|part| {
        let (left, right) = std::mem::take(part).split_at(middle);
        *part = left;
        right
    })
}

/// Returns the number of buffers that are present.
fn number(state: &Parts<'_>) -> usize {
    state.iter().take_while(|part| !matches!(part, Part::Absent)).count()
}

fn number_of_compact(state: &Parts<'_>) -> usize {
    state.iter().filter(|part| matches!(part, Part::Compact(_))).count()
}

/// Returns the index at which to split `len` elements in two: near the middle, between two pieces.
fn middle(len: usize) -> usize {
    len.div_ceil(PIECE).div_ceil(2) * PIECE
}

/// Applies `update` to all elements, on several threads if there is more than one piece. `first` is the index
/// of the first element in the whole buffers.
pub(super) fn apply(
    update: &dyn Loops,
    sums: &[f32],
    theta: &mut [f32],
    grad: Source<'_>,
    mut state: Parts<'_>,
    rounding: Rounding,
    first: usize,
) {
    let len = theta.len();
    if len <= PIECE {
        return grad.with_piece(len, |grad| {
            if number_of_compact(&state) == 0 {
                apply_floats(update, sums, theta, grad, &mut state);
            } else {
                apply_runs(update, sums, theta, grad, &mut state, rounding, first);
            }
        });
    }
    let middle = middle(len);
    let (theta, theta_right) = theta.split_at_mut(middle);
    let (grad, grad_right) = grad.split_at(middle);
    let state_right = split_off(&mut state, middle);
    rayon::join(
        || apply(update, sums, theta, grad, state, rounding, first),
        || apply(update, sums, theta_right, grad_right, state_right, rounding, first + middle),
    );
}

/// Applies `update` to those rows of `width` elements of which an element of the gradient is not 0, on
/// several threads if there is more than one piece. No buffer is compact. Of other rows only the gradient is
/// read.
pub(super) fn apply_rows(
    update: &dyn Loops,
    sums: &[f32],
    theta: &mut [f32],
    grad: &[f32],
    mut state: Parts<'_>,
    width: usize,
) {
    let rows = theta.len() / width;
    if rows > 1 && theta.len() > PIECE {
        let middle = rows / 2 * width;
        let (theta, theta_right) = theta.split_at_mut(middle);
        let (grad, grad_right) = grad.split_at(middle);
        let state_right = split_off(&mut state, middle);
        rayon::join(
            || apply_rows(update, sums, theta, grad, state, width),
            || apply_rows(update, sums, theta_right, grad_right, state_right, width),
        );
        return;
    }
    let mut row = 0;
    while row < rows {
        let first = row;
        while row < rows && has_other_than_zeros(&grad[row * width..(row + 1) * width]) {
            row += 1;
        }
        if first < row {
            let range = first * width..row * width;
            let mut touched = state.each_mut().map(|part| match part {
                Part::Floats(floats) => Part::Floats(&mut floats[range.clone()]),
                Part::Absent | Part::Compact(_) => Part::Absent,
            });
            apply_floats(update, sums, &mut theta[range.clone()], &grad[range], &mut touched);
        }
        row += 1;
    }
}

/// Returns whether one of the elements is not 0 (or −0); NaN is not.
fn has_other_than_zeros(elements: &[f32]) -> bool {
    /// The number of elements that are read before a result.
    const STRIDE: usize = 1_024;
    vectorized(
        #[inline(always)]
        || {
            elements.chunks(STRIDE).any(|chunk| {
                // The sign is shifted out.
                chunk.iter().fold(0, |bits, element| bits | (element.to_bits() << 1)) != 0
            })
        },
    )
}

/// Applies `update` to a piece of which no buffer is compact.
fn apply_floats(update: &dyn Loops, sums: &[f32], theta: &mut [f32], grad: &[f32], state: &mut Parts<'_>) {
    let number = number(state);
    let mut slices = state.each_mut().map(|part| match part {
        Part::Floats(floats) => &mut **floats,
        Part::Absent | Part::Compact(_) => &mut [],
    });
    update.update_slices(sums, theta, grad, &mut slices[..number]);
}

/// Applies `update` to a piece of which some buffers are compact.
fn apply_runs(
    update: &dyn Loops,
    sums: &[f32],
    theta: &mut [f32],
    grad: &[f32],
    state: &mut Parts<'_>,
    rounding: Rounding,
    first: usize,
) {
    let number = number(state);
    let bits: [PieceBits; MAX_BUFFERS] = std::array::from_fn(|index| rounding.of_piece(index, first));
    let mut decoded = [Decoded([0.0; RUN]); MAX_BUFFERS];
    for (run, (theta, grad)) in theta.chunks_mut(RUN).zip(grad.chunks(RUN)).enumerate() {
        let (start, len) = (run * RUN, theta.len());
        for (part, decoded) in state.iter().zip(&mut decoded) {
            if let Part::Compact(codes) = part {
                decode(codes.read(), start / BLOCK, &mut decoded.0[..len]);
            }
        }
        let mut parts = state.iter_mut().zip(&mut decoded).map(|(part, decoded)| match part {
            Part::Absent => &mut [],
            Part::Floats(floats) => &mut floats[start..start + len],
            Part::Compact(_) => &mut decoded.0[..len],
        });
        let mut slices: [&mut [f32]; MAX_BUFFERS] =
            std::array::from_fn(|_| parts.next().expect("a slice for each part"));
        update.update_slices(sums, theta, grad, &mut slices[..number]);
        for ((part, decoded), bits) in state.iter_mut().zip(&decoded).zip(bits) {
            if let Part::Compact(codes) = part {
                encode(codes, start / BLOCK, &decoded.0[..len], bits);
            }
        }
    }
}

/// Returns the sums that `update` needs, added in 64 bits; `start` is the index of the first element in the
/// buffers.
pub(super) fn sums(
    update: &dyn Loops,
    theta: &[f32],
    grad: Source<'_>,
    state: &Parts<'_>,
    start: usize,
) -> [f64; MAX_SUMS] {
    let len = theta.len();
    if update.number_of_sums() == 0 {
        return [0.0; MAX_SUMS];
    }
    if len <= PIECE {
        let mut sums = [0.0; MAX_SUMS];
        grad.with_piece(len, |grad| sums = piece_sums(update, theta, grad, state, start));
        return sums;
    }
    let middle = middle(len);
    let (theta, theta_right) = theta.split_at(middle);
    let (grad, grad_right) = grad.split_at(middle);
    let (left, right) = rayon::join(
        || sums(update, theta, grad, state, start),
        || sums(update, theta_right, grad_right, state, start + middle),
    );
    std::array::from_fn(|sum| left[sum] + right[sum])
}

fn piece_sums(
    update: &dyn Loops,
    theta: &[f32],
    grad: &[f32],
    state: &Parts<'_>,
    start: usize,
) -> [f64; MAX_SUMS] {
    let len = theta.len();
    with_scratch(number_of_compact(state) * PIECE, |scratch| {
        let mut pieces = scratch.chunks_mut(PIECE);
        let slices = state.each_ref().map(|part| match part {
            Part::Absent => &[],
            Part::Floats(floats) => &floats[start..start + len],
            Part::Compact(codes) => {
                let decoded = &mut pieces.next().expect("a piece for each compact buffer")[..len];
                decode(codes.read(), start / BLOCK, decoded);
                &*decoded
            }
        });
        update.sum_slices(theta, grad, &slices[..number(state)])
    })
}

/// Decodes neighbouring blocks, of which the first has the index `first`.
fn decode(codes: CodesRef<'_>, first: usize, decoded: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (block, decoded) in decoded.chunks_mut(BLOCK).enumerate() {
                codes.decode_block(first + block, decoded);
            }
        },
    );
}

/// Encodes neighbouring blocks, of which the first has the index `first`.
fn encode(codes: &mut CodesMut<'_>, first: usize, decoded: &[f32], bits: PieceBits) {
    vectorized(
        #[inline(always)]
        || {
            for (block, decoded) in decoded.chunks(BLOCK).enumerate() {
                codes.encode_block(first + block, decoded, bits);
            }
        },
    );
}
