//! Matrix products, by `faer`: its kernels are for the widest vectors that the processor has, found at run time, and its
//! interface is safe. Each runs on one thread, on one piece of the work.

pub(super) use faer::{Accum, MatRef};
use faer::{MatMut, Par, linalg::matmul::matmul};

/// A row-major matrix.
pub(super) fn matrix(elements: &[f32], rows: usize, columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(elements, rows, columns)
}

/// `left · right`, put into or added to `out`, row-major.
pub(super) fn multiply(out: &mut [f32], accum: Accum, left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    let out = MatMut::from_row_major_slice_mut(out, left.nrows(), right.ncols());
    matmul(out, accum, left, right, 1.0, Par::Seq);
}
