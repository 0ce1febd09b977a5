//! Matrix products by `faer`, which chooses its kernels for the processor's widest vectors at run time and
//! has a safe interface. Each product runs on one thread, on one piece of the work.

use faer::linalg::matmul::matmul;
pub(super) use faer::{Accum, MatRef};
use faer::{MatMut, Par};

/// Returns a view of `elements` as a row-major matrix.
pub(super) fn matrix(elements: &[f32], rows: usize, columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(elements, rows, columns)
}

/// Computes `left · right` and writes it or adds it to `out`, row-major.
pub(super) fn multiply(out: &mut [f32], accum: Accum, left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    let out = MatMut::from_row_major_slice_mut(out, left.nrows(), right.ncols());
    matmul(out, accum, left, right, 1.0, Par::Seq);
}

/// Computes the same into a matrix whose rows begin `stride` elements apart.
pub(super) fn multiply_strided(
    out: &mut [f32],
    stride: usize,
    accum: Accum,
    left: MatRef<'_, f32>,
    right: MatRef<'_, f32>,
) {
    let (rows, columns) = (left.nrows(), right.ncols());
    // faer 0.24.4's own function for rows with a stride takes them for columns.
    let out = MatMut::from_column_major_slice_with_stride_mut(out, columns, rows, stride).transpose_mut();
    matmul(out, accum, left, right, 1.0, Par::Seq);
}
