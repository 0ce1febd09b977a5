use pulp::{Arch, Simd, WithSimd};

/// Runs `work` compiled for the widest vectors that the processor has, found at run time. It has to be inlined, with
/// everything that is to be vectorized: `#[inline(always)]` on the closure and on the functions and closures that it calls.
#[inline(always)]
pub(super) fn vectorized<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}

/// A closure that is called by reference. One that is called by value, as `pulp` would by itself, is called through a shim,
/// which is not inlined where the closure only needs references.
struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) -> R {
        (self.0)()
    }
}
