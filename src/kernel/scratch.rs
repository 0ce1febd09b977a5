use std::cell::RefCell;

thread_local! {
    /// What this thread worked on before, to be worked on again.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with a buffer of that length, whose content is whatever was left there.
///
/// A thread keeps its buffers, so that after the first step none is allocated.
pub(super) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    // The last one put back first: nested calls of a loop find the same buffers in each round.
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}
