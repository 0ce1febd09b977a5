//! Read access to a tensor's elements, piece by piece.

use crate::memory::strided::Strided;

/// The elements of a piece: with four buffers of `f32`, a quarter of a megabyte.
pub(crate) const PIECE: usize = 16_384;

/// The elements of a tensor, row-major: a slice of memory, or a strided view from element `start` on.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Slice(&'a [f32]),
    View { view: &'a Strided<'a>, start: usize },
}

impl<'a> Source<'a> {
    pub fn split_at(self, middle: usize) -> (Self, Self) {
        match self {
            Source::Slice(slice) => {
                let (left, right) = slice.split_at(middle);
                (Source::Slice(left), Source::Slice(right))
            }
            Source::View { view, start } => (self, Source::View { view, start: start + middle }),
        }
    }

    /// Calls `with` with the `len` elements of a piece. A strided view is first copied to a buffer that fits
    /// into the cache.
    #[inline(always)]
    pub fn with_piece(self, len: usize, with: impl FnOnce(&[f32])) {
        match self {
            Source::Slice(slice) => with(slice),
            Source::View { view, start } => {
                let mut piece = [0.0; PIECE];
                view.read(start, &mut piece[..len]);
                with(&piece[..len]);
            }
        }
    }
}
