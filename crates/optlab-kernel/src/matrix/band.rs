//! Reduction of a symmetric matrix to a band by reflections.

use crate::matrix::basis::{Direction, factor_in_place, reflect};
use crate::matrix::product::in_pieces;
use crate::matrix::{Matrix, mirror};
use faer::linalg::matmul::matmul;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// The width of the band, and of its blocks.
pub(super) const BAND: usize = 32;

/// A symmetric matrix as `Q T Qᵀ`, where `T` has non-zero elements only in blocks along its diagonal and
/// beside it.
pub(super) struct Band {
    pub n: usize,
    /// The matrix, column-major: `T` on and below the diagonal, and the reflections of `Q` below `T`.
    pub values: Vec<f64>,
    /// The factors of the reflections of each block.
    pub factors: Vec<Mat<f64>>,
}

impl Band {
    /// Reduces a matrix; `None` if it contains NaN or an infinity.
    pub fn of(matrix: Matrix) -> Option<Self> {
        let n = matrix.nrows();
        if !matrix.values().iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut values = matrix.into_values();
        mirror(&mut values, n);
        let mut factors = Vec::new();
        if n > 2 * BAND {
            let panel = &mut values[..BAND * n];
            factors.push(factor_in_place(
                MatMut::from_column_major_slice_mut(panel, n, BAND).subrows_mut(BAND, n - BAND),
            ));
        }
        // The panel of columns before `start` is factored already.
        for start in (BAND..n).step_by(BAND).take_while(|start| n - start > BAND) {
            let rest = n - start;
            let (before, after) = values.split_at_mut(start * n);
            let panel =
                MatRef::from_column_major_slice(&before[(start - BAND) * n..], n, BAND).subrows(start, rest);
            let [left, right] = update(panel, &factors[factors.len() - 1], after, n, start);
            let next = BAND.min(rest);
            let (panel, others) = after.split_at_mut(next * n);
            let column = |values, columns| {
                MatMut::from_column_major_slice_mut(values, n, columns).subrows_mut(start, rest)
            };
            let (mut panel, others) = (column(panel, next), column(others, rest - next));
            let (of_panel, of_others) = right.as_ref().split_at_col(next);
            let (factor, ()) = rayon::join(
                || {
                    in_pieces(panel.rb_mut(), Accum::Add, -1.0, left.as_ref(), of_panel);
                    (rest > 2 * BAND).then(|| factor_in_place(panel.subrows_mut(BAND, rest - BAND)))
                },
                || in_pieces(others, Accum::Add, -1.0, left.as_ref(), of_others),
            );
            factors.extend(factor);
        }
        Some(Band { n, values, factors })
    }

    /// Multiplies `columns` by `Q` or its transpose.
    pub fn reflect(&self, mut columns: MatMut<'_, f64>, direction: Direction) {
        let n = self.n;
        let values = MatRef::from_column_major_slice(&self.values, n, n);
        let mut block = |block: usize| {
            let (first, factor) = (block * BAND, &self.factors[block]);
            let start = first + BAND;
            let reflections = values.subcols(first, factor.nrows()).subrows(start, n - start);
            reflect(reflections, factor, columns.rb_mut().subrows_mut(start, n - start), direction);
        };
        match direction {
            Direction::Forward => (0..self.factors.len()).for_each(&mut block),
            Direction::Backward => (0..self.factors.len()).rev().for_each(&mut block),
        }
    }
}

/// Returns `[V W]` and `[W V]ᵀ` such that `A − V Wᵀ − W Vᵀ` is the matrix `A`, in the columns of `after` from
/// row `start` on, multiplied by the reflections of `panel` from both sides.
fn update(panel: MatRef<'_, f64>, factor: &Mat<f64>, after: &[f64], n: usize, start: usize) -> [Mat<f64>; 2] {
    let (rest, size) = (panel.nrows(), factor.nrows());
    let inverse = upper_inverse(factor);
    let mut left = Mat::zeros(rest, 2 * size);
    for column in 0..size {
        left[(column, column)] = 1.0;
        for row in column + 1..rest {
            left[(row, column)] = panel[(row, column)];
        }
    }
    let vectors = left.as_ref().subcols(0, size).to_owned();
    let mut scaled = Mat::zeros(rest, size);
    in_pieces(scaled.as_mut(), Accum::Replace, 1.0, vectors.as_ref(), inverse.as_ref());
    let matrix = MatRef::from_column_major_slice(after, n, after.len() / n).subrows(start, rest);
    let mut product = vec![0.0; rest * size];
    let mut product = MatMut::from_row_major_slice_mut(&mut product, rest, size);
    // The matrix is symmetric: its transpose is row-major.
    in_pieces(product.rb_mut(), Accum::Replace, 1.0, matrix.transpose(), scaled.as_ref());
    let mut inner = Mat::<f64>::zeros(size, size);
    matmul(inner.as_mut(), Accum::Replace, scaled.transpose(), product.rb(), 1.0, Par::Seq);
    in_pieces(product.rb_mut(), Accum::Add, -0.5, vectors.as_ref(), inner.as_ref());
    left.as_mut().subcols_mut(size, size).copy_from(product.rb());
    let mut right = Mat::zeros(2 * size, rest);
    right.as_mut().subrows_mut(0, size).copy_from(product.rb().transpose());
    right.as_mut().subrows_mut(size, size).copy_from(vectors.transpose());
    [left, right]
}

/// Returns the inverse of an upper triangular matrix, whose diagonal may contain infinities.
fn upper_inverse(matrix: &Mat<f64>) -> Mat<f64> {
    let n = matrix.nrows();
    let mut inverse = Mat::zeros(n, n);
    for column in 0..n {
        inverse[(column, column)] = 1.0 / matrix[(column, column)];
        for row in (0..column).rev() {
            let sum: f64 = (row + 1..=column).map(|k| matrix[(row, k)] * inverse[(k, column)]).sum();
            inverse[(row, column)] = -sum / matrix[(row, row)];
        }
    }
    inverse
}
