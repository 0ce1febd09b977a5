//! A pool of large buffers: an operation puts back what it no longer needs, the next one takes it.
//!
//! Each training step needs the same buffers as the step before. For a new buffer either the allocator clears
//! the memory or the system maps it again; either takes as long as a pass over the memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The fewest elements of a buffer that is kept: for smaller ones the allocator is fast.
pub(crate) const SMALLEST: usize = 16_384;

/// The most buffers that are kept.
const MOST: usize = 128;

/// The free buffers, in the order in which they were given back.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Returns a buffer of `len` numbers with unspecified values.
pub(crate) fn take(len: usize) -> Vec<f32> {
    if len < SMALLEST {
        return vec![0.0; len];
    }
    let mut free = free();
    let fits = |buffer: &Vec<f32>| buffer.capacity() >= len && buffer.capacity() - len <= len / 4;
    let (place, _) = match free
        .iter()
        .enumerate()
        .filter(|(_, buffer)| fits(buffer))
        .min_by_key(|(_, buffer)| buffer.capacity())
    {
        Some(best) => best,
        None => {
            // Buffers that do not fit are freed to make room, so that no more memory is held than was once in
            // use. Much larger buffers stay: a later step needs them again.
            let mut freed = 0;
            free.retain(|buffer| {
                let stays = freed >= len || buffer.capacity() > 2 * len;
                freed += if stays { 0 } else { buffer.capacity() };
                stays
            });
            return vec![0.0; len];
        }
    };
    let mut buffer = free.remove(place);
    buffer.resize(len, 0.0);
    buffer
}

/// Keeps `buffer` for the next [`take`]; a small one is dropped.
pub(crate) fn put(buffer: Vec<f32>) {
    if buffer.len() < SMALLEST {
        return;
    }
    let mut free = free();
    if free.len() == MOST {
        free.remove(0);
    }
    free.push(buffer);
}

/// Locks the list of free buffers. A thread that panicked leaves it intact, so poisoning is ignored.
fn free() -> MutexGuard<'static, Vec<Vec<f32>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}
