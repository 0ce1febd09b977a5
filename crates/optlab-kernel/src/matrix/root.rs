//! Inverse roots of symmetric matrices, applied to other matrices.
//!
//! A large matrix is reduced to a band by reflections, which are products of matrices and run on all cores;
//! its eigenvectors would take several times as long. The root of the band matrix is a sum of inverses,
//!
//! ```text
//! x^(−α) = sin(πα)/π ∫ e^((1−α)s) / (eˢ + x) ds ≈ h sin(πα)/π Σ e^((1−α)s) / (eˢ + x)      s = h, 2h, 3h, …
//! ```
//!
//! whose relative error is `2 exp(−2π²/h)`. Terms with `eˢ` far below or above all eigenvalues are replaced
//! by powers of the inverse and of the matrix.

use crate::matrix::band::Band;
use crate::matrix::basis::Direction;
use crate::matrix::blocks::{Blocks, Factored};
use crate::matrix::{Matrix, symmetric_eigen, transpose};
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;
use std::f64::consts::PI;

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

/// Returns `(A + εI)^(−α) B` for a symmetric matrix `A` without negative eigenvalues, of which only the lower
/// triangle is read, `ε > 0` and `0 < α < 1`. All elements are NaN if `A` contains NaN or an infinity.
///
/// # Panics
/// If `A` is not square, or `B` has another number of rows.
pub fn inverse_root_times(matrix: Matrix, epsilon: f64, alpha: f64, right: &Matrix) -> Matrix {
    assert_eq!(
        (matrix.nrows(), matrix.ncols()),
        (right.nrows(), right.nrows()),
        "shapes of a root and its factor"
    );
    // Rounding of a matrix much larger than ε can make its smallest eigenvalues negative. The band has no
    // root then.
    if matrix.nrows() > LARGEST_DENSE
        && let Some(product) = Band::of(matrix.clone()).and_then(|band| by_band(&band, epsilon, alpha, right))
    {
        return product;
    }
    // Rounding turns eigenvalues of 0 into small negative ones.
    by_eigenvectors(&matrix, right, |value, _| (value.max(0.0) + epsilon).powf(-alpha))
}

/// Returns `A^(−α) B` for a symmetric matrix `A` without negative eigenvalues, of which only the lower
/// triangle is read, and `0 < α < 1`. In the directions whose eigenvalue is at most `tolerance` times the
/// largest, the product is 0. All elements are NaN if `A` contains NaN or an infinity.
///
/// # Panics
/// If `A` is not square, or `B` has another number of rows.
pub fn pseudo_inverse_root_times(matrix: &Matrix, tolerance: f64, alpha: f64, right: &Matrix) -> Matrix {
    by_eigenvectors(matrix, right, |value, largest| {
        if value > tolerance * largest.max(0.0) { value.powf(-alpha) } else { 0.0 }
    })
}

/// Multiplies by the symmetric matrix with the same eigenvectors and the eigenvalues that `of` returns for an
/// eigenvalue and the largest one.
fn by_eigenvectors(matrix: &Matrix, right: &Matrix, of: impl Fn(f64, f64) -> f64) -> Matrix {
    let Some((values, vectors)) = symmetric_eigen(matrix) else {
        return Matrix::from_fn(right.nrows(), right.ncols(), |_, _| f64::NAN);
    };
    let largest = values[0];
    let mut inside = &vectors * right;
    for (row, value) in inside.values_mut().chunks_mut(right.ncols().max(1)).zip(values) {
        let factor = of(value, largest);
        row.iter_mut().for_each(|element| *element *= factor);
    }
    Matrix::product(vectors.view().t(), inside.view())
}

fn by_band(band: &Band, epsilon: f64, alpha: f64, right: &Matrix) -> Option<Matrix> {
    let blocks = Blocks::of(band, epsilon);
    let nodes = Nodes::between(epsilon, blocks.bound(), alpha);
    let inverses: Option<Vec<Factored>> = std::iter::once(0.0)
        .chain(nodes.shifts())
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|shift| blocks.factored(shift))
        .collect();
    let inverses = inverses?;
    let n = band.n;
    let mut columns = transpose(right.view());
    columns.par_chunks_mut(COLUMNS * n).for_each(|chunk| {
        let count = chunk.len() / n;
        let mut chunk = MatMut::from_column_major_slice_mut(chunk, n, count);
        band.reflect(chunk.rb_mut(), Direction::Forward);
        let sum = nodes.sum(&blocks, &inverses, chunk.rb());
        chunk.rb_mut().copy_from(sum);
        band.reflect(chunk, Direction::Backward);
    });
    let columns = Matrix::from_vec(columns, right.ncols(), n);
    Some(columns.transpose())
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

    /// Returns the approximate product of `x^(−α)` and `columns`. The first of `inverses` is the inverse of
    /// `x`, the others are those of `x` plus each of the shifts.
    fn sum(&self, blocks: &Blocks, inverses: &[Factored], columns: MatRef<'_, f64>) -> Mat<f64> {
        let alpha = self.alpha;
        let scale = STEP * (PI * alpha).sin() / PI;
        let mut sum = Mat::<f64>::zeros(columns.nrows(), columns.ncols());
        let mut add = |weight: f64, term: &Mat<f64>| {
            for column in 0..term.ncols() {
                let of_term = term.col(column).iter();
                sum.as_mut()
                    .col_mut(column)
                    .iter_mut()
                    .zip(of_term)
                    .for_each(|(sum, term)| *sum += weight * term);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the same by eigenvectors.
    fn expected(matrix: &Matrix, epsilon: f64, alpha: f64, right: &Matrix) -> Matrix {
        let (values, vectors) = symmetric_eigen(matrix).unwrap();
        let mut inside = &vectors * right;
        for (row, value) in inside.values_mut().chunks_mut(right.ncols()).zip(values) {
            row.iter_mut().for_each(|x| *x *= (value.max(0.0) + epsilon).powf(-alpha));
        }
        Matrix::product(vectors.view().t(), inside.view())
    }

    fn wave(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((7 * i + 3 * j + i * j) as f64 * 0.7).sin())
    }

    #[test]
    fn the_root_of_a_band_is_the_root_by_eigenvectors() {
        for (n, rank) in [(193, 193), (193, 2), (224, 100), (257, 257), (300, 7)] {
            let factor = wave(n, rank);
            let matrix = Matrix::product(factor.view(), factor.view().t());
            let right = Matrix::from_fn(n, 40, |i, j| ((13 * i + 7 * j * j) as f64).cos());
            for (epsilon, alpha) in [(1e-2, 0.5), (1e-1, 0.25), (10.0, 0.125), (1e6, 1.0 / 6.0)] {
                let expected = expected(&matrix, epsilon, alpha, &right);
                let given = inverse_root_times(matrix.clone(), epsilon, alpha, &right);
                let error = (given - &expected).amax();
                assert!(
                    error < 1e-8 * expected.amax(),
                    "{n}, rank {rank}, ε = {epsilon}, α = {alpha}: {error}"
                );
            }
        }
    }

    #[test]
    fn only_the_lower_triangle_is_read() {
        let factor = wave(200, 200);
        let mut matrix = Matrix::product(factor.view(), factor.view().t());
        let right = wave(200, 3);
        let expected = inverse_root_times(matrix.clone(), 1.0, 0.5, &right);
        (0..199).for_each(|i| matrix[(i, i + 1)] = 1e3);
        assert_eq!(inverse_root_times(matrix, 1.0, 0.5, &right), expected);
    }

    #[test]
    fn a_pseudo_inverse_root_is_the_inverse_root_in_the_directions_above_the_tolerance() {
        // The eigenvalues are 16, 1 and 0, and the eigenvectors (3, 4, 0) / 5, (−4, 3, 0) / 5 and (0, 0, 1).
        let of = |first: f64, second: f64| {
            let (a, b, c) =
                (0.36 * first + 0.64 * second, 0.48 * (first - second), 0.64 * first + 0.36 * second);
            Matrix::from_vec(vec![a, b, 0.0, b, c, 0.0, 0.0, 0.0, 0.0], 3, 3)
        };
        for (tolerance, expected) in [(1e-12, of(0.5, 1.0)), (0.06, of(0.5, 1.0)), (0.07, of(0.5, 0.0))] {
            let root = pseudo_inverse_root_times(&of(16.0, 1.0), tolerance, 0.25, &Matrix::identity(3));
            assert!((root - &expected).amax() < 1e-14, "tolerance {tolerance}");
        }
        let zeros = Matrix::zeros(3, 3);
        assert_eq!(pseudo_inverse_root_times(&zeros, 0.0, 0.25, &Matrix::identity(3)), zeros);
        let mut bad = zeros;
        bad[(2, 1)] = f64::NAN;
        let product = pseudo_inverse_root_times(&bad, 0.0, 0.25, &wave(3, 2));
        assert!(product.values().iter().all(|value| value.is_nan()));
    }

    #[test]
    fn nan_and_infinity_give_nan() {
        for n in [3, 200] {
            for bad in [f64::NAN, f64::INFINITY] {
                let mut matrix = Matrix::identity(n);
                matrix[(2, 1)] = bad;
                let product = inverse_root_times(matrix, 1.0, 0.5, &wave(n, 2));
                assert!(product.values().iter().all(|value| value.is_nan()));
            }
        }
    }

    #[test]
    fn a_matrix_far_above_epsilon_still_has_a_root() {
        let factor = wave(200, 2);
        let matrix = Matrix::product(factor.view(), factor.view().t()).scaled(1e30);
        let product = inverse_root_times(matrix, 1e-6, 0.5, &wave(200, 2));
        assert!(product.values().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn the_bits_are_the_same_for_any_number_of_threads() {
        let factor = wave(260, 260);
        let matrix = Matrix::product(factor.view(), factor.view().t());
        let of_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| inverse_root_times(matrix.clone(), 0.1, 0.25, &wave(260, 70)))
        };
        assert_eq!(of_threads(1), of_threads(3));
    }
}
