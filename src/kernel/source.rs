use super::strided::Strided;

/// Elements of a piece: with four buffers of `f32`, a quarter of a megabyte.
pub(super) const PIECE: usize = 16_384;

/// The elements of a tensor, row-major, as they lie in memory.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
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

    /// Calls `with` for the elements of a piece, `len` of them. What is no slice is copied to where the piece's other
    /// elements will be: into a cache.
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
