//! The loops of a rule over slices: all of a pass that is compiled for each rule.

use crate::update::{MAX_BUFFERS, MAX_SUMS, Update};
use crate::vectorize::vectorized;

/// The number of partial sums, computed in parallel: enough for the widest vectors.
const LANES: usize = 16;

/// The loops of an [`Update`]. Slices and buffers are of one length, and there are as many buffers as
/// [`Update::BUFFERS`] allows.
pub(super) trait Loops: Sync {
    /// Returns the number of sums that the update needs.
    fn number_of_sums(&self) -> usize;

    /// Replaces the parameters and the buffers.
    fn update_slices(&self, sums: &[f32], theta: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]);

    /// Returns what the elements contribute to the sums, added in 64 bits.
    fn sum_slices(&self, theta: &[f32], grad: &[f32], state: &[&[f32]]) -> [f64; MAX_SUMS];
}

/// Evaluates `$body` with the constant `$N` equal to `$number`, if `$update` supports that number of buffers.
macro_rules! with_number_of_buffers {
    ($update:ty, $number:expr, $N:ident => $body:expr) => {{
        macro_rules! body {
            ($literal:literal) => {{
                const $N: usize = $literal;
                // Decided at compile time, so impossible numbers of buffers are not compiled.
                if const { <$update>::BUFFERS.0 <= $N && $N <= <$update>::BUFFERS.1 } {
                    $body
                } else {
                    panic!("{} buffers for a rule that has not", $N)
                }
            }};
        }
        match $number {
            0 => body!(0),
            1 => body!(1),
            2 => body!(2),
            3 => body!(3),
            4 => body!(4),
            5 => body!(5),
            6 => body!(6),
            more => panic!("{more} buffers beside a parameter"),
        }
    }};
}

impl<U: Update> Loops for U {
    fn number_of_sums(&self) -> usize {
        U::SUMS
    }

    fn update_slices(&self, sums: &[f32], theta: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        with_number_of_buffers!(U, state.len(), N => {
            let state: &mut [&mut [f32]; N] = state.try_into().expect("as many buffers as were counted");
            vectorized(
                #[inline(always)]
                || update_all(self, sums, theta, grad, state),
            );
        });
    }

    fn sum_slices(&self, theta: &[f32], grad: &[f32], state: &[&[f32]]) -> [f64; MAX_SUMS] {
        let mut totals = [0.0; MAX_SUMS];
        if U::SUMS > 0 {
            with_number_of_buffers!(U, state.len(), N => {
                let state: [&[f32]; N] = state.try_into().expect("as many buffers as were counted");
                vectorized(
                    #[inline(always)]
                    || {
                        for (sum, total) in totals.iter_mut().enumerate().take(U::SUMS) {
                            *total = sum_all(self, sum, theta, grad, state);
                        }
                    },
                );
            });
        }
        totals
    }
}

/// Defines one loop for each number of buffers. Each buffer is a separate argument, which tells the compiler
/// that no two of them overlap.
macro_rules! loops {
    ($($number:literal $name:ident($($buffer:ident $new:ident),*);)*) => {
        #[inline(always)]
        fn update_all<U: Update, const N: usize>(
            update: &U,
            sums: &[f32],
            theta: &mut [f32],
            grad: &[f32],
            state: &mut [&mut [f32]; N],
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

#[inline(always)]
fn sum_all<U: Update, const N: usize>(
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
