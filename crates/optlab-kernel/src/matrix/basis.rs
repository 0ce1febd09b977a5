//! Orthonormal bases by Householder reflections in blocks.

use crate::matrix::{Matrix, Real};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_on_the_left_in_place_scratch,
    apply_block_householder_on_the_left_in_place_with_conj,
    apply_block_householder_transpose_on_the_left_in_place_with_conj,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch};
use faer::{Conj, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// The number of reflections that are applied together.
pub(super) const BLOCK: usize = 64;

/// The number of vectors that one piece of work reflects.
const VECTORS: usize = 128;

/// Replaces the rows of a matrix of at most as many rows as columns by the orthonormal rows that Gram-Schmidt
/// gives, up to their signs. Rows that depend on those before are replaced by others, so that all are
/// orthonormal.
///
/// # Panics
/// If there are more rows than columns.
pub fn orthonormalize_rows<T: Real>(matrix: &mut Matrix<T>) {
    let (count, len) = (matrix.nrows(), matrix.ncols());
    assert!(count <= len, "more rows than orthonormal rows can be");
    if count == 0 {
        return;
    }
    // Row-major rows are the columns of a column-major matrix.
    let factors = factor(matrix.values_mut(), len);
    let reflections = std::mem::replace(matrix, Matrix::zeros(0, 0)).into_values();
    let mut out = Matrix::zeros(count, len);
    (0..count).for_each(|row| out[(row, row)] = T::ONE);
    out.values_mut().par_chunks_mut(VECTORS * len).enumerate().for_each(|(piece, vectors)| {
        // Reflections of later blocks do not reach these unit vectors.
        let last = ((piece + 1) * VECTORS).min(count).div_ceil(BLOCK);
        for block in (0..last).rev() {
            let first = block * BLOCK;
            apply(&reflections, len, first, &factors[block], vectors, Direction::Backward);
        }
    });
    *matrix = out;
}

/// Factors a column-major matrix with `len` rows into reflections, in place, and returns the factor of each
/// block.
fn factor<T: Real>(values: &mut [T], len: usize) -> Vec<Mat<T>> {
    let count = values.len() / len;
    let mut factors = vec![factor_panel(values, len, 0, BLOCK.min(count))];
    for first in (0..count).step_by(BLOCK) {
        let size = BLOCK.min(count - first);
        let (done, rest) = values.split_at_mut((first + size) * len);
        if rest.is_empty() {
            break;
        }
        let done = &*done;
        let of_block = &factors[factors.len() - 1];
        let next = BLOCK.min(rest.len() / len);
        let (panel, rest) = rest.split_at_mut(next * len);
        // The next block is factored while the others are reflected.
        let (factor, ()) = rayon::join(
            || {
                apply(done, len, first, of_block, panel, Direction::Forward);
                factor_panel(panel, len, first + size, next)
            },
            || {
                rest.par_chunks_mut(VECTORS * len)
                    .for_each(|vectors| apply(done, len, first, of_block, vectors, Direction::Forward));
            },
        );
        factors.push(factor);
    }
    factors
}

/// Factors the first `size` columns of `panel` from row `first` on.
fn factor_panel<T: Real>(panel: &mut [T], len: usize, first: usize, size: usize) -> Mat<T> {
    let columns = panel.len() / len;
    let panel = MatMut::from_column_major_slice_mut(panel, len, columns);
    let panel = panel.subcols_mut(0, size).subrows_mut(first, len - first);
    factor_in_place(panel)
}

/// Factors a matrix in place and returns the factor of its reflections.
pub(super) fn factor_in_place<T: Real>(panel: MatMut<'_, T>) -> Mat<T> {
    let (rows, columns) = (panel.nrows(), panel.ncols());
    let size = rows.min(columns);
    let mut factor = Mat::zeros(size, size);
    let scratch = qr_in_place_scratch::<T>(rows, columns, size, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    qr_in_place(panel, factor.as_mut(), Par::Seq, MemStack::new(&mut memory), Default::default());
    factor
}

/// The order in which reflections are applied.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    /// As a factorization applies them: multiplies by `Qᵀ`.
    Forward,
    /// Multiplies by `Q`.
    Backward,
}

/// Applies a block of reflections, stored in columns from `first` on of `reflections`, to `vectors`.
fn apply<T: Real>(
    reflections: &[T],
    len: usize,
    first: usize,
    factor: &Mat<T>,
    vectors: &mut [T],
    direction: Direction,
) {
    let size = factor.nrows();
    let of_block = MatRef::from_column_major_slice(reflections, len, reflections.len() / len);
    let of_block = of_block.subcols(first, size).subrows(first, len - first);
    let columns = vectors.len() / len;
    let vectors = MatMut::from_column_major_slice_mut(vectors, len, columns).subrows_mut(first, len - first);
    reflect(of_block, factor, vectors, direction);
}

/// Applies a block of reflections to the columns of `vectors`.
pub(super) fn reflect<T: Real>(
    reflections: MatRef<'_, T>,
    factor: &Mat<T>,
    vectors: MatMut<'_, T>,
    direction: Direction,
) {
    let (rows, size, columns) = (reflections.nrows(), factor.nrows(), vectors.ncols());
    let scratch = apply_block_householder_on_the_left_in_place_scratch::<T>(rows, size, columns);
    let mut memory = MemBuffer::new(scratch);
    let (factor, stack) = (factor.as_ref(), MemStack::new(&mut memory));
    match direction {
        Direction::Forward => apply_block_householder_transpose_on_the_left_in_place_with_conj(
            reflections,
            factor,
            Conj::No,
            vectors,
            Par::Seq,
            stack,
        ),
        Direction::Backward => apply_block_householder_on_the_left_in_place_with_conj(
            reflections,
            factor,
            Conj::No,
            vectors,
            Par::Seq,
            stack,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave<T: Real>(rows: usize, columns: usize) -> Matrix<T> {
        Matrix::from_fn(rows, columns, |i, j| T::of(((7 * i + 3 * j + i * j) as f64 * 0.7).sin()))
    }

    fn check<T: Real>(matrix: Matrix<T>, tolerance: f64) {
        let mut basis = matrix.clone();
        orthonormalize_rows(&mut basis);
        let rows = matrix.nrows();
        let product = Matrix::product(basis.view(), basis.view().t());
        assert!((product - &Matrix::identity(rows)).amax().to_f64() < tolerance, "{rows} rows");
        // Row i of the matrix has no component along the orthonormal rows after the i-th.
        let parts = Matrix::product(matrix.view(), basis.view().t());
        for i in 0..rows {
            for j in i + 1..rows {
                assert!(parts[(i, j)].to_f64().abs() < 10.0 * tolerance, "{rows} rows, {i}, {j}");
            }
        }
    }

    #[test]
    fn rows_become_orthonormal_and_span_the_same_spaces() {
        for (rows, columns) in [(0, 0), (1, 1), (2, 5), (63, 63), (64, 64), (65, 70), (130, 130), (200, 300)]
        {
            check(wave::<f32>(rows, columns), 1e-5);
            check(wave::<f64>(rows, columns), 1e-13);
        }
    }

    #[test]
    fn dependent_rows_are_replaced() {
        check(Matrix::<f64>::zeros(70, 70), 1e-13);
        check(Matrix::product(wave::<f64>(150, 3).view(), wave(3, 150).view()), 1e-12);
    }

    #[test]
    fn the_bits_are_the_same_for_any_number_of_threads() {
        let of_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut matrix = wave::<f32>(300, 300);
            pool.install(|| orthonormalize_rows(&mut matrix));
            matrix
        };
        assert_eq!(of_threads(1), of_threads(3));
    }
}
