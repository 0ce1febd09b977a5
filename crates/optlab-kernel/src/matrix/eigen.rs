//! Eigenvalues and eigenvectors of symmetric matrices.

use crate::matrix::{Matrix, Real};
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{MatMut, Par};

/// Returns the eigenvalues of a symmetric matrix, of which only the lower triangle is read, the largest
/// first, and orthonormal eigenvectors as the rows of a matrix, in the same order. `None` if the matrix
/// contains NaN or an infinity, or if the iteration does not converge.
///
/// It runs on one thread, in time proportional to `n³`.
///
/// # Panics
/// If the matrix is not square.
pub fn symmetric_eigen<T: Real>(matrix: &Matrix<T>) -> Option<(Vec<T>, Matrix<T>)> {
    let n = matrix.nrows();
    assert_eq!(n, matrix.ncols(), "only a square matrix has eigenvalues");
    if n == 0 || !matrix.values().iter().all(|value| value.is_finite()) {
        return None;
    }
    let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::try_new(scratch).ok()?;
    let mut values = Diag::<T>::zeros(n);
    // As columns in column-major order: as rows in row-major order.
    let mut vectors = vec![T::ZERO; n * n];
    let columns = MatMut::from_column_major_slice_mut(&mut vectors, n, n);
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(matrix.view().0, values.as_mut(), Some(columns), Par::Seq, stack, Default::default())
        .ok()?;
    // faer sorts the smallest first.
    let values: Vec<T> = (0..n).rev().map(|place| values.column_vector()[place]).collect();
    let mut sorted = Vec::with_capacity(n * n);
    vectors.rchunks(n).for_each(|vector| sorted.extend_from_slice(vector));
    Some((values, Matrix::from_vec(sorted, n, n)))
}
