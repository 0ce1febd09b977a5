//! Helpers for batches that are divided into pieces.

use crate::memory::source::PIECE;
use rayon::prelude::*;

/// Returns the sums over the pieces of a batch, added in order.
///
/// # Panics
/// If there are no pieces.
pub(super) fn add_all<const K: usize>(pieces: Vec<[Vec<f32>; K]>) -> [Vec<f32>; K] {
    let mut pieces = pieces.into_iter();
    let mut sums = pieces.next().expect("a batch has a piece");
    let rest = pieces.as_slice();
    for (k, sum) in sums.iter_mut().enumerate() {
        sum.par_chunks_mut(PIECE).enumerate().for_each(|(chunk, sum)| {
            for piece in rest {
                let piece = &piece[k][chunk * PIECE..][..sum.len()];
                sum.iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
            }
        });
    }
    sums
}

/// Returns `all` in `number` chunks of `len` elements, or `number` empty chunks if `all` is empty.
pub(super) fn chunks_or_none<T>(all: &mut [T], len: usize, number: usize) -> Vec<&mut [T]> {
    if all.is_empty() {
        return (0..number).map(|_| Default::default()).collect();
    }
    all.chunks_mut(len).collect()
}
