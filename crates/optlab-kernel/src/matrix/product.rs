//! Products in pieces. A piece is a part of the result, so no sum is divided among threads.

use crate::matrix::Real;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::reborrow::{IntoConst, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

/// The most elements of a piece of a result.
const PIECE: usize = 160_000;

/// The most multiplications of a piece, some milliseconds on one core.
const WORK: usize = 1 << 26;

/// Pieces begin at multiples of this number of rows and columns: the size of the multiplication's inner
/// blocks.
const STEP: usize = 16;

/// A matrix in the memory of something else, possibly transposed.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T>(pub(super) MatRef<'a, T>);

impl<'a, T: Real> View<'a, T> {
    /// Returns a view of `values`, row-major.
    ///
    /// # Panics
    /// If there are not `rows · columns` values.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        View(MatRef::from_row_major_slice(values, rows, columns))
    }

    /// Returns the transpose of the view.
    #[must_use]
    pub fn t(self) -> Self {
        View(self.0.transpose())
    }

    /// Returns the elements, row-major.
    pub fn to_vec(self) -> Vec<T> {
        transpose(self.t())
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.0.ncols()
    }
}

/// Writes `left · right` into `out`, row-major.
///
/// # Panics
/// If the shapes do not fit.
pub fn multiply<T: Real>(out: &mut [T], left: View<'_, T>, right: View<'_, T>) {
    let out = MatMut::from_row_major_slice_mut(out, left.rows(), right.columns());
    in_pieces(out, Accum::Replace, T::ONE, left.0, right.0);
}

/// Adds `factor · left · right` to `out`, row-major.
///
/// # Panics
/// If the shapes do not fit.
pub fn add_product<T: Real>(out: &mut [T], factor: T, left: View<'_, T>, right: View<'_, T>) {
    let out = MatMut::from_row_major_slice_mut(out, left.rows(), right.columns());
    in_pieces(out, Accum::Add, factor, left.0, right.0);
}

/// Replaces the lower triangle of `out`, row-major, by `keep · out + factor · A Aᵀ`. The elements above the
/// diagonal stay as they are; [`mirror`] sets them.
///
/// # Panics
/// If `out` does not have as many rows and columns as `a` has rows.
pub fn add_gram<T: Real>(out: &mut [T], keep: T, factor: T, a: View<'_, T>) {
    gram_in_pieces(MatMut::from_row_major_slice_mut(out, a.rows(), a.rows()), keep, factor, a.0);
}

/// Copies the lower triangle of a square matrix, row-major, to its upper triangle.
///
/// # Panics
/// If there are not `n²` values.
pub fn mirror<T: Real>(values: &mut [T], n: usize) {
    mirror_in_pieces(MatMut::from_row_major_slice_mut(values, n, n));
}

/// Returns the elements of the transposed matrix, row-major.
pub fn transpose<T: Real>(matrix: View<'_, T>) -> Vec<T> {
    let (rows, columns) = (matrix.columns(), matrix.rows());
    let mut out = vec![T::ZERO; rows * columns];
    copy_in_pieces(MatMut::from_row_major_slice_mut(&mut out, rows, columns), matrix.0.transpose());
    out
}

/// Measures how many multiplications and additions of 32-bit products this machine makes in a second, on all
/// cores. It takes some milliseconds.
pub fn operations_per_second() -> f64 {
    const N: usize = 512;
    let values = vec![1.0_f32; N * N];
    let mut out = vec![0.0_f32; N * N];
    let view = View::new(&values, N, N);
    let seconds = (0..3).map(|_| {
        let start = std::time::Instant::now();
        multiply(&mut out, view, view);
        start.elapsed().as_secs_f64()
    });
    2.0 * (N * N * N) as f64 / seconds.fold(f64::INFINITY, f64::min).max(1e-9)
}

/// Returns about half of `n`, at the border of an inner block.
pub(super) fn half(n: usize) -> usize {
    (n / 2).next_multiple_of(STEP).min(n - 1)
}

pub(super) fn in_pieces<T: Real>(
    out: MatMut<'_, T>,
    accum: Accum,
    factor: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let (rows, columns, depth) = (out.nrows(), out.ncols(), left.ncols());
    if (rows * columns <= PIECE && rows * columns * depth <= WORK) || rows.max(columns) <= STEP {
        return matmul(out, accum, left, right, factor, Par::Seq);
    }
    if columns >= rows {
        let middle = half(columns);
        let (first, second) = out.split_at_col_mut(middle);
        let (of_first, of_second) = right.split_at_col(middle);
        rayon::join(
            || in_pieces(first, accum, factor, left, of_first),
            || in_pieces(second, accum, factor, left, of_second),
        );
    } else {
        let middle = half(rows);
        let (first, second) = out.split_at_row_mut(middle);
        let (of_first, of_second) = left.split_at_row(middle);
        rayon::join(
            || in_pieces(first, accum, factor, of_first, right),
            || in_pieces(second, accum, factor, of_second, right),
        );
    }
}

fn gram_in_pieces<T: Real>(mut out: MatMut<'_, T>, keep: T, factor: T, a: MatRef<'_, T>) {
    let n = a.nrows();
    if n <= 4 * STEP {
        for row in 0..n {
            out.rb_mut().row_mut(row).subcols_mut(0, row + 1).iter_mut().for_each(|value| *value *= keep);
        }
        let (dense, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        return triangular::matmul(out, lower, Accum::Add, a, dense, a.transpose(), dense, factor, Par::Seq);
    }
    let middle = half(n);
    let (first, _, below, second) = out.split_at_mut(middle, middle);
    let (of_first, of_second) = a.split_at_row(middle);
    let rest = || {
        rayon::join(
            || gram_in_pieces(first, keep, factor, of_first),
            || gram_in_pieces(second, keep, factor, of_second),
        )
    };
    rayon::join(|| scaled_in_pieces(below, keep, factor, of_second, of_first.transpose()), rest);
}

/// Replaces `out` by `keep · out + factor · left · right`.
fn scaled_in_pieces<T: Real>(
    mut out: MatMut<'_, T>,
    keep: T,
    factor: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let (rows, columns) = (out.nrows(), out.ncols());
    if (rows * columns <= PIECE && rows * columns * left.ncols() <= WORK) || rows.max(columns) <= STEP {
        for row in 0..rows {
            out.rb_mut().row_mut(row).iter_mut().for_each(|value| *value *= keep);
        }
        return matmul(out, Accum::Add, left, right, factor, Par::Seq);
    }
    if columns >= rows {
        let middle = half(columns);
        let (first, second) = out.split_at_col_mut(middle);
        let (of_first, of_second) = right.split_at_col(middle);
        rayon::join(
            || scaled_in_pieces(first, keep, factor, left, of_first),
            || scaled_in_pieces(second, keep, factor, left, of_second),
        );
    } else {
        let middle = half(rows);
        let (first, second) = out.split_at_row_mut(middle);
        let (of_first, of_second) = left.split_at_row(middle);
        rayon::join(
            || scaled_in_pieces(first, keep, factor, of_first, right),
            || scaled_in_pieces(second, keep, factor, of_second, right),
        );
    }
}

fn mirror_in_pieces<T: Real>(matrix: MatMut<'_, T>) {
    let n = matrix.nrows();
    if n <= 1 {
        return;
    }
    let middle = half(n).min(n / 2).max(1);
    let (first, above, below, second) = matrix.split_at_mut(middle, middle);
    let both = || rayon::join(|| mirror_in_pieces(first), || mirror_in_pieces(second));
    if n <= 16 * STEP {
        copy_in_pieces(above, below.into_const().transpose());
        both();
    } else {
        rayon::join(|| copy_in_pieces(above, below.into_const().transpose()), both);
    }
}

fn copy_in_pieces<T: Real>(mut out: MatMut<'_, T>, from: MatRef<'_, T>) {
    let (rows, columns) = (out.nrows(), out.ncols());
    if rows <= STEP && columns <= STEP {
        for row in 0..rows {
            for column in 0..columns {
                out[(row, column)] = from[(row, column)];
            }
        }
        return;
    }
    let (one, other);
    if columns >= rows {
        let middle = half(columns);
        let (first, second) = out.split_at_col_mut(middle);
        let (of_first, of_second) = from.split_at_col(middle);
        (one, other) = ((first, of_first), (second, of_second));
    } else {
        let middle = half(rows);
        let (first, second) = out.split_at_row_mut(middle);
        let (of_first, of_second) = from.split_at_row(middle);
        (one, other) = ((first, of_first), (second, of_second));
    }
    if rows * columns < PIECE / 2 {
        copy_in_pieces(one.0, one.1);
        copy_in_pieces(other.0, other.1);
    } else {
        rayon::join(|| copy_in_pieces(one.0, one.1), || copy_in_pieces(other.0, other.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn wave(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((7 * i + 3 * j + i * j) as f64 * 0.7).sin())
    }

    /// Returns the product, a dot product for each element.
    fn plain(left: &Matrix, right: &Matrix) -> Matrix {
        let right = right.transpose();
        let dot = |i, j| left.row(i).iter().zip(right.row(j)).map(|(a, b): (&f64, &f64)| a * b).sum();
        Matrix::from_fn(left.nrows(), right.nrows(), dot)
    }

    #[test]
    fn products_in_pieces_are_products() {
        for (rows, depth, columns) in [(1, 1, 1), (3, 0, 2), (17, 5, 900), (900, 5, 17), (430, 20, 410)] {
            let (left, right) = (wave(rows, depth), wave(depth, columns));
            let expected = plain(&left, &right);
            assert!((&left * &right - &expected).amax() < 1e-12, "{rows} × {depth} × {columns}");
            let (left, right) = (left.transpose(), right.transpose());
            let given = Matrix::product(left.view().t(), right.view().t());
            assert!((given - &expected).amax() < 1e-12, "{rows} × {depth} × {columns}, transposed");
            let mut sum = expected.clone();
            add_product(sum.values_mut(), -1.0, left.view().t(), right.view().t());
            assert!(sum.amax() < 1e-12);
        }
    }

    #[test]
    fn a_gram_matrix_is_added_below_the_diagonal_and_mirrored_above() {
        for n in [1, 2, 63, 64, 65, 129, 500] {
            let factor = wave(n, 9);
            let expected =
                plain(&factor, &factor.transpose()).scaled(3.0) + &Matrix::from_fn(n, n, |_, _| 0.5);
            let mut sum = Matrix::from_fn(n, n, |i, j| if j <= i { 1.0 } else { -7.0 });
            add_gram(sum.values_mut(), 0.5, 3.0, factor.view());
            assert!((0..n).all(|i| (i + 1..n).all(|j| sum[(i, j)] == -7.0)), "{n}: above the diagonal");
            mirror(sum.values_mut(), n);
            assert!((sum - &expected).amax() < 1e-12, "{n}");
        }
    }

    #[test]
    fn a_transpose_has_rows_for_columns() {
        for (rows, columns) in [(1, 1), (1, 40), (33, 17), (300, 500)] {
            let matrix = wave(rows, columns);
            let transposed = matrix.transpose();
            assert!((0..rows).all(|i| (0..columns).all(|j| matrix[(i, j)] == transposed[(j, i)])));
            assert_eq!(matrix.view().to_vec(), matrix.values());
        }
    }
}
