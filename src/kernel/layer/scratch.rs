use std::cell::RefCell;

thread_local! {
    /// What this thread worked on before, to be worked on again.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with a buffer of that length, whose content is whatever was left there.
///
/// A thread keeps its buffers, so that after the first step none is allocated.
pub(super) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut buffer = FREE.with_borrow_mut(|free| take(free, len));
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// The smallest buffer that is long enough; if none is, the longest, which has to grow least.
fn take(free: &mut Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let lengths = || free.iter().map(Vec::len);
    let best = lengths().filter(|length| *length >= len).min().or_else(|| lengths().max());
    let place = best.and_then(|best| lengths().position(|length| length == best));
    place.map(|place| free.swap_remove(place)).unwrap_or_default()
}
