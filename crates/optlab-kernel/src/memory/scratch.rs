//! Scratch buffers that each thread reuses.

use std::cell::RefCell;

thread_local! {
    /// The buffers of this thread that are not in use.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with a buffer of that length and unspecified content.
///
/// Each thread keeps its buffers, so nothing is allocated after the first step.
pub(crate) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut buffer = FREE.with_borrow_mut(|free| take(free, len));
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// Takes the smallest buffer that is long enough, or else the longest, which has to grow least.
fn take(free: &mut Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let lengths = || free.iter().map(Vec::len);
    let best = lengths().filter(|length| *length >= len).min().or_else(|| lengths().max());
    let place = best.and_then(|best| lengths().position(|length| length == best));
    place.map(|place| free.swap_remove(place)).unwrap_or_default()
}
