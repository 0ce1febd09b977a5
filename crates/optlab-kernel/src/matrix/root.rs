//! Inverse roots of symmetric matrices, applied to other matrices.
//!
//! A large matrix is reduced to a band by reflections, which are products of matrices and run on all cores; its
//! eigenvectors would take several times as long. The root of the band matrix is a sum of inverses,
//!
//! ```text
//! x^(−α) = sin(πα)/π ∫ e^((1−α)s) / (eˢ + x) ds ≈ h sin(πα)/π Σ e^((1−α)s) / (eˢ + x)      s = h, 2h, 3h, …
//! ```
//!
//! whose relative error is `2 exp(−2π²/h)`. Terms with `eˢ` far below or above all eigenvalues are replaced by powers of
//! the inverse and of the matrix.

use crate::matrix::basis::{Direction, factor_in_place, reflect};
use crate::matrix::product::in_pieces;
use crate::matrix::{Matrix, mirror, symmetric_eigen, transpose};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::f64::consts::PI;

/// The width of the band, and of its blocks.
const BAND: usize = 32;

/// The largest matrix whose eigenvectors are faster than its band.
const LARGEST_DENSE: usize = 192;

/// The distance of two nodes of the sum: its relative error is 4e-11.
const STEP: f64 = 0.8;

/// The distance of the outermost nodes from the logarithms of the eigenvalues.
const MARGIN: f64 = 4.0;

/// The number of powers that replace the terms beyond the outermost nodes, to the same error.
const POWERS: usize = 6;

/// The number of columns that are multiplied together.
const COLUMNS: usize = 32;

/// Returns `(A + εI)^(−α) B` for a symmetric matrix `A` without negative eigenvalues, of which only the lower triangle
/// is read, `ε > 0` and `0 < α < 1`. All elements are NaN if `A` contains NaN or an infinity.
///
/// # Panics
/// If `A` is not square, or `B` has another number of rows.
pub fn inverse_root_times(matrix: Matrix, epsilon: f64, alpha: f64, right: &Matrix) -> Matrix {
    assert_eq!((matrix.nrows(), matrix.ncols()), (right.nrows(), right.nrows()), "shapes of a root and its factor");
    // Rounding of a matrix much larger than ε can make its smallest eigenvalues negative. The band has no root then.
    if matrix.nrows() > LARGEST_DENSE
        && let Some(product) = Band::of(matrix.clone()).and_then(|band| band.inverse_root_times(epsilon, alpha, right))
    {
        return product;
    }
    let Some((values, vectors)) = symmetric_eigen(&matrix) else {
        return Matrix::from_fn(right.nrows(), right.ncols(), |_, _| f64::NAN);
    };
    let mut inside = &vectors * right;
    for (row, value) in inside.values_mut().chunks_mut(right.ncols().max(1)).zip(values) {
        // Rounding turns eigenvalues of 0 into small negative ones.
        let factor = (value.max(0.0) + epsilon).powf(-alpha);
        row.iter_mut().for_each(|element| *element *= factor);
    }
    Matrix::product(vectors.view().t(), inside.view())
}

/// A symmetric matrix as `Q T Qᵀ`, where `T` has non-zero elements only in blocks along its diagonal and beside it.
struct Band {
    n: usize,
    /// The matrix, column-major: `T` on and below the diagonal, and the reflections of `Q` below `T`.
    values: Vec<f64>,
    /// The factors of the reflections of each block.
    factors: Vec<Mat<f64>>,
}

impl Band {
    /// Reduces a matrix; `None` if it contains NaN or an infinity.
    fn of(matrix: Matrix) -> Option<Self> {
        let n = matrix.nrows();
        if !matrix.values().iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut values = matrix.into_values();
        mirror(&mut values, n);
        let mut factors = Vec::new();
        if n > 2 * BAND {
            let panel = &mut values[..BAND * n];
            factors.push(factor_in_place(MatMut::from_column_major_slice_mut(panel, n, BAND).subrows_mut(BAND, n - BAND)));
        }
        // The panel of columns before `start` is factored already.
        for start in (BAND..n).step_by(BAND).take_while(|start| n - start > BAND) {
            let rest = n - start;
            let (before, after) = values.split_at_mut(start * n);
            let panel = MatRef::from_column_major_slice(&before[(start - BAND) * n..], n, BAND).subrows(start, rest);
            let [left, right] = update(panel, &factors[factors.len() - 1], after, n, start);
            let next = BAND.min(rest);
            let (panel, others) = after.split_at_mut(next * n);
            let column = |values, columns| MatMut::from_column_major_slice_mut(values, n, columns).subrows_mut(start, rest);
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

    fn inverse_root_times(&self, epsilon: f64, alpha: f64, right: &Matrix) -> Option<Matrix> {
        let blocks = Blocks::of(self, epsilon);
        let nodes = Nodes::between(epsilon, blocks.bound(), alpha);
        let inverses: Option<Vec<Factored>> =
            std::iter::once(0.0).chain(nodes.shifts()).collect::<Vec<_>>().into_par_iter().map(|shift| blocks.factored(shift)).collect();
        let inverses = inverses?;
        let n = self.n;
        let mut columns = transpose(right.view());
        columns.par_chunks_mut(COLUMNS * n).for_each(|chunk| {
            let count = chunk.len() / n;
            let mut chunk = MatMut::from_column_major_slice_mut(chunk, n, count);
            self.reflect(chunk.rb_mut(), Direction::Forward);
            let sum = nodes.sum(&blocks, &inverses, chunk.rb());
            chunk.rb_mut().copy_from(sum);
            self.reflect(chunk, Direction::Backward);
        });
        let columns = Matrix::from_vec(columns, right.ncols(), n);
        Some(columns.transpose())
    }

    /// Multiplies `columns` by `Q` or its transpose.
    fn reflect(&self, mut columns: MatMut<'_, f64>, direction: Direction) {
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

/// Returns `[V W]` and `[W V]ᵀ` such that `A − V Wᵀ − W Vᵀ` is the matrix `A`, in the columns of `after` from row `start`
/// on, multiplied by the reflections of `panel` from both sides.
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

/// The blocks of a band matrix with `ε` added to its diagonal.
struct Blocks {
    diagonal: Vec<Mat<f64>>,
    /// The blocks below those of the diagonal.
    below: Vec<Mat<f64>>,
}

impl Blocks {
    fn of(band: &Band, epsilon: f64) -> Self {
        let n = band.n;
        let values = MatRef::from_column_major_slice(&band.values, n, n);
        let mut blocks = Blocks { diagonal: Vec::new(), below: Vec::new() };
        for first in (0..n).step_by(BAND) {
            let size = BAND.min(n - first);
            let block = values.subcols(first, size);
            let of = |row: usize, column: usize| block[(first + row.max(column), row.min(column))];
            blocks.diagonal.push(Mat::from_fn(size, size, |row, column| {
                of(row, column) + if row == column { epsilon } else { 0.0 }
            }));
            let start = first + size;
            let next = BAND.min(n - start);
            if next == 0 {
                break;
            }
            let is_reduced = blocks.below.len() < band.factors.len();
            blocks.below.push(Mat::from_fn(next, size, |row, column| {
                // Below the diagonal of a reduced block are its reflections.
                if is_reduced && row > column { 0.0 } else { block[(start + row, column)] }
            }));
        }
        blocks
    }

    /// Returns an upper bound of the eigenvalues.
    fn bound(&self) -> f64 {
        let mut bound: f64 = 0.0;
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            for row in 0..diagonal.nrows() {
                let mut sum: f64 = diagonal.row(row).iter().map(|x| x.abs()).sum();
                if place > 0 {
                    sum += self.below[place - 1].row(row).iter().map(|x| x.abs()).sum::<f64>();
                }
                if let Some(below) = self.below.get(place) {
                    sum += below.col(row).iter().map(|x| x.abs()).sum::<f64>();
                }
                bound = bound.max(sum);
            }
        }
        bound
    }

    /// Returns the Cholesky factor of the matrix plus `shift` times the identity; `None` if it has none.
    fn factored(&self, shift: f64) -> Option<Factored> {
        let mut factored = Factored { inverses: Vec::new(), below: Vec::new() };
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            let mut diagonal = diagonal.clone();
            let size = diagonal.nrows();
            (0..size).for_each(|row| diagonal[(row, row)] += shift);
            if place > 0 {
                let inverse: &Mat<f64> = &factored.inverses[place - 1];
                let mut below = Mat::zeros(size, inverse.nrows());
                matmul(below.as_mut(), Accum::Replace, &self.below[place - 1], inverse.transpose(), 1.0, Par::Seq);
                matmul(diagonal.as_mut(), Accum::Add, &below, below.transpose(), -1.0, Par::Seq);
                factored.below.push(below);
            }
            let mut memory =
                MemBuffer::new(cholesky_in_place_scratch::<f64>(size, Par::Seq, Default::default()));
            let stack = MemStack::new(&mut memory);
            cholesky_in_place(diagonal.as_mut(), Default::default(), Par::Seq, stack, Default::default()).ok()?;
            let mut inverse = Mat::zeros(size, size);
            invert_lower_triangular(inverse.as_mut(), diagonal.as_ref(), Par::Seq);
            factored.inverses.push(inverse);
        }
        Some(factored)
    }

    /// Returns the product of the matrix and `columns`.
    fn times(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = Mat::zeros(columns.nrows(), columns.ncols());
        for (place, diagonal) in self.diagonal.iter().enumerate() {
            let first = place * BAND;
            let of = |place: usize, size| columns.subrows(place * BAND, size);
            let mut rows = out.as_mut().subrows_mut(first, diagonal.nrows());
            matmul(rows.rb_mut(), Accum::Replace, diagonal, of(place, diagonal.ncols()), 1.0, Par::Seq);
            if place > 0 {
                let below = &self.below[place - 1];
                matmul(rows.rb_mut(), Accum::Add, below, of(place - 1, below.ncols()), 1.0, Par::Seq);
            }
            if let Some(below) = self.below.get(place) {
                matmul(rows, Accum::Add, below.transpose(), of(place + 1, below.nrows()), 1.0, Par::Seq);
            }
        }
        out
    }
}

/// The Cholesky factor of a band matrix: the inverses of its blocks on the diagonal, and the blocks below.
struct Factored {
    inverses: Vec<Mat<f64>>,
    below: Vec<Mat<f64>>,
}

impl Factored {
    /// Returns the product of the inverse of the matrix and `columns`.
    fn solve(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let count = columns.ncols();
        let mut out = columns.to_owned();
        let mut block = Mat::zeros(BAND, count);
        for (place, inverse) in self.inverses.iter().enumerate() {
            let (before, mut rest) = out.as_mut().split_at_row_mut(place * BAND);
            let mut rows = rest.rb_mut().subrows_mut(0, inverse.nrows());
            if place > 0 {
                let above = before.rb().subrows((place - 1) * BAND, BAND);
                matmul(rows.rb_mut(), Accum::Add, &self.below[place - 1], above, -1.0, Par::Seq);
            }
            let mut block = block.as_mut().subrows_mut(0, inverse.nrows());
            matmul(block.rb_mut(), Accum::Replace, inverse, rows.rb(), 1.0, Par::Seq);
            rows.copy_from(block.rb());
        }
        for (place, inverse) in self.inverses.iter().enumerate().rev() {
            let (mut before, after) = out.as_mut().split_at_row_mut(place * BAND + inverse.nrows());
            let mut rows = before.rb_mut().subrows_mut(place * BAND, inverse.nrows());
            if let Some(below) = self.below.get(place) {
                let under = after.rb().subrows(0, below.nrows());
                matmul(rows.rb_mut(), Accum::Add, below.transpose(), under, -1.0, Par::Seq);
            }
            let mut block = block.as_mut().subrows_mut(0, inverse.nrows());
            matmul(block.rb_mut(), Accum::Replace, inverse.transpose(), rows.rb(), 1.0, Par::Seq);
            rows.copy_from(block.rb());
        }
        out
    }
}

/// The nodes of the sum that approximates `x^(−α)`.
struct Nodes {
    alpha: f64,
    /// The logarithm of the smallest node.
    first: f64,
    count: usize,
}

impl Nodes {
    fn between(smallest: f64, largest: f64, alpha: f64) -> Self {
        let first = smallest.ln() - MARGIN;
        let count = ((largest.ln() + MARGIN - first) / STEP).ceil() as usize + 1;
        Nodes { alpha, first, count }
    }

    fn node(&self, place: f64) -> f64 {
        self.first + STEP * place
    }

    fn shifts(&self) -> impl Iterator<Item = f64> {
        (0..self.count).map(|place| self.node(place as f64).exp())
    }

    /// Returns the approximate product of `x^(−α)` and `columns`. The first of `inverses` is the inverse of `x`, the others
    /// are those of `x` plus each of the shifts.
    fn sum(&self, blocks: &Blocks, inverses: &[Factored], columns: MatRef<'_, f64>) -> Mat<f64> {
        let alpha = self.alpha;
        let scale = STEP * (PI * alpha).sin() / PI;
        let mut sum = Mat::<f64>::zeros(columns.nrows(), columns.ncols());
        let mut add = |weight: f64, term: &Mat<f64>| {
            for column in 0..term.ncols() {
                let of_term = term.col(column).iter();
                sum.as_mut().col_mut(column).iter_mut().zip(of_term).for_each(|(sum, term)| *sum += weight * term);
            }
        };
        for (place, inverse) in inverses[1..].iter().enumerate() {
            add(scale * ((1.0 - alpha) * self.node(place as f64)).exp(), &inverse.solve(columns));
        }
        // Smaller nodes t: 1/(t + x) = 1/x − t/x² + …, and the sums of the powers of t are geometric.
        let node = self.node(-1.0);
        let mut term = columns.to_owned();
        for power in 0..POWERS {
            term = inverses[0].solve(term.as_ref());
            let exponent = 1.0 - alpha + power as f64;
            let of_nodes = (exponent * node).exp() / (1.0 - (-exponent * STEP).exp());
            add(scale * of_nodes * if power % 2 == 0 { 1.0 } else { -1.0 }, &term);
        }
        // Larger nodes t: 1/(t + x) = 1/t − x/t² + …
        let node = self.node(self.count as f64);
        let mut term = columns.to_owned();
        for power in 0..POWERS {
            if power > 0 {
                term = blocks.times(term.as_ref());
            }
            let exponent = alpha + power as f64;
            let of_nodes = (-exponent * node).exp() / (1.0 - (-exponent * STEP).exp());
            add(scale * of_nodes * if power % 2 == 0 { 1.0 } else { -1.0 }, &term);
        }
        sum
    }
}
