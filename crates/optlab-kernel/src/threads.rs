//! The threads that compute.

/// Makes the calling thread one of the threads that compute.
///
/// Burn's `flex` and `ndarray` and this crate divide their work among the threads of rayon's global pool. A
/// program whose main thread is not in the pool hands each operation over and sleeps until it is done, and
/// waking up takes longer than most operations do. Call this first in `main`; if the pool exists already or
/// has a single thread, it has no effect.
pub fn compute_on_this_thread() {
    let builder = rayon::ThreadPoolBuilder::new().use_current_thread();
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    let threads = threads.filter(|threads| *threads > 0);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // If this were the only thread of the pool, any other thread would wait for it forever.
    if threads > 1 {
        // An existing pool stays as it is.
        let _exists_already = builder.num_threads(threads).build_global();
    }
}
