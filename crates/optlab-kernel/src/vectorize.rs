//! Run-time selection of the processor's vector instructions.

use pulp::{Arch, Simd, WithSimd};

/// Runs `work` compiled for the widest vectors of the processor, which is detected at run time. Everything to
/// be vectorized must be inlined: put `#[inline(always)]` on the closure and on the functions and closures
/// that it calls.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}

/// A closure that is called by reference. `pulp` itself would call it by value, through a shim that is not
/// inlined if the closure only needs references.
struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) -> R {
        (self.0)()
    }
}
