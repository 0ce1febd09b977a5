//! Large buffers that one operation is done with, for the next one that asks for as many numbers.
//!
//! A step of training asks for the same buffers as the step before. What comes from the allocator is cleared first, or
//! mapped anew by the system, which takes as long as a pass over the memory.

use super::buffer::HostBuffer;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Elements from which on a buffer is kept: for smaller ones the allocator is quick.
const SMALLEST: usize = 16_384;

/// The most buffers that are kept.
const MOST: usize = 32;

/// In the order in which they were given back.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// So many numbers, whatever they are.
pub(super) fn take(len: usize) -> Vec<f32> {
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
            // What nobody asked for makes room, so that no more memory is held than was once in use. Not what is much
            // larger: that is wanted again.
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

/// Keeps the memory of a tensor, if nothing else holds it.
pub(super) fn give_back(buffer: HostBuffer) {
    if buffer.len() < SMALLEST {
        return;
    }
    if let Some(buffer) = buffer.into_vec() {
        let mut free = free();
        if free.len() == MOST {
            free.remove(0);
        }
        free.push(buffer);
    }
}

/// A thread that panicked left whole buffers behind.
fn free() -> MutexGuard<'static, Vec<Vec<f32>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}
