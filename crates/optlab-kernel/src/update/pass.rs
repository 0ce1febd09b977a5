//! One pass over contiguous buffers: every element is read once and written once.
//!
//! Buffers are split into pieces of a fixed length for any number of threads, so a sum is always added in the
//! same order, and a result never depends on the machine's cores.

use crate::memory::source::{PIECE, Source};
use crate::update::{MAX_BUFFERS, MAX_SUMS, Update};
use crate::vectorize::vectorized;

/// The number of partial sums, computed in parallel: enough for the widest vectors.
const LANES: usize = 16;

/// Returns the index at which to split `len` elements in two: near the middle, between two pieces.
pub(super) fn middle(len: usize) -> usize {
    len.div_ceil(PIECE).div_ceil(2) * PIECE
}

/// Applies `update` to all elements, on several threads if there is more than one piece.
pub(super) fn apply<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: Source<'_>,
    mut state: [&mut [f32]; N],
) {
    let len = theta.len();
    if len <= PIECE {
        return apply_piece(update, sums, theta, grad, state);
    }
    let middle = middle(len);
    let (theta, theta_right) = theta.split_at_mut(middle);
    let (grad, grad_right) = grad.split_at(middle);
    let state_right = state.each_mut().map(|buffer| {
        let (left, right) = std::mem::take(buffer).split_at_mut(middle);
        *buffer = left;
        right
    });
    rayon::join(
        || apply(update, sums, theta, grad, state),
        || apply(update, sums, theta_right, grad_right, state_right),
    );
}

fn apply_piece<U: Update, const N: usize>(
    update: &U,
    sums: &[f32],
    theta: &mut [f32],
    grad: Source<'_>,
    mut state: [&mut [f32]; N],
) {
    grad.with_piece(theta.len(), |grad| {
        vectorized(
            #[inline(always)]
            || apply_slices(update, sums, theta, grad, state.each_mut().map(|buffer| &mut **buffer)),
        );
    });
}

/// Defines one loop for each number of buffers. Each buffer is a separate argument, which tells the compiler
/// that no two of them overlap.
macro_rules! loops {
    ($($number:literal $name:ident($($buffer:ident $new:ident),*);)*) => {
        #[inline(always)]
        pub(super) fn apply_slices<U: Update, const N: usize>(
            update: &U,
            sums: &[f32],
            theta: &mut [f32],
            grad: &[f32],
            mut state: [&mut [f32]; N],
        ) {
            const { assert!(N <= MAX_BUFFERS, "more buffers than there are loops for") };
            match &mut state[..] {
                $([$($buffer),*] => $name(update, sums, theta, grad, $($buffer),*),)*
                _ => unreachable!("at most {MAX_BUFFERS} buffers"),
            }
        }

        $(
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "the point of this function")]
            fn $name<U: Update>(
                update: &U,
                sums: &[f32],
                theta: &mut [f32],
                grad: &[f32],
                $($buffer: &mut [f32]),*
            ) {
                // A copy of its own, so that its numbers stay in registers: stores to the slices could change
                // those behind a reference.
                let update = *update;
                let len = theta.len();
                let grad = &grad[..len];
                $(let $buffer = &mut $buffer[..len];)*
                for i in 0..len {
                    let mut state: [f32; $number] = [$($buffer[i]),*];
                    theta[i] = update.update(theta[i], grad[i], &mut state, sums);
                    let [$($new),*] = state;
                    $($buffer[i] = $new;)*
                }
            }
        )*
    };
}

loops! {
    0 loop_0();
    1 loop_1(a new_a);
    2 loop_2(a new_a, b new_b);
    3 loop_3(a new_a, b new_b, c new_c);
    4 loop_4(a new_a, b new_b, c new_c, d new_d);
    5 loop_5(a new_a, b new_b, c new_c, d new_d, e new_e);
    6 loop_6(a new_a, b new_b, c new_c, d new_d, e new_e, f new_f);
}

/// Returns the sums that `update` needs, added in 64 bits.
pub(super) fn sums<U: Update, const N: usize>(
    update: &U,
    theta: &[f32],
    grad: Source<'_>,
    state: [&[f32]; N],
) -> [f64; MAX_SUMS] {
    let len = theta.len();
    if len <= PIECE {
        return piece_sums(update, theta, grad, state);
    }
    let middle = middle(len);
    let (theta, theta_right) = theta.split_at(middle);
    let (grad, grad_right) = grad.split_at(middle);
    let (left, right) = rayon::join(
        || sums(update, theta, grad, state.map(|buffer| &buffer[..middle])),
        || sums(update, theta_right, grad_right, state.map(|buffer| &buffer[middle..])),
    );
    std::array::from_fn(|sum| left[sum] + right[sum])
}

pub(super) fn piece_sums<U: Update, const N: usize>(
    update: &U,
    theta: &[f32],
    grad: Source<'_>,
    state: [&[f32]; N],
) -> [f64; MAX_SUMS] {
    let mut totals = [0.0; MAX_SUMS];
    grad.with_piece(theta.len(), |grad| {
        vectorized(
            #[inline(always)]
            || {
                for (sum, total) in totals.iter_mut().enumerate().take(U::SUMS) {
                    *total += slice_sum(update, sum, theta, grad, state);
                }
            },
        );
    });
    totals
}

#[inline(always)]
fn slice_sum<U: Update, const N: usize>(
    update: &U,
    sum: usize,
    theta: &[f32],
    grad: &[f32],
    state: [&[f32]; N],
) -> f64 {
    let update = *update;
    let len = theta.len();
    let grad = &grad[..len];
    let state = state.map(|buffer| &buffer[..len]);
    let term = |i: usize| {
        let mut state: [f32; N] = std::array::from_fn(|buffer| state[buffer][i]);
        f64::from(update.term(sum, theta[i], grad[i], &mut state))
    };
    let mut lanes = [0.0; LANES];
    let whole = len - len % LANES;
    for first in (0..whole).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += term(first + lane);
        }
    }
    for (lane, i) in (whole..len).enumerate() {
        lanes[lane] += term(i);
    }
    lanes.iter().sum()
}
