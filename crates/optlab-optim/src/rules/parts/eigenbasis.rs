//! The eigenvectors of the covariance of gradients: first exactly, then by one power iteration at a time.

use crate::rules::parts::linear_algebra::{Matrix, descending};
use optlab_kernel::matrix::{self, Real};
use rayon::prelude::*;

/// The number of rows from which the eigenvectors of a matrix with few columns are those of the smaller
/// product.
const MANY_ROWS: usize = 256;

/// Returns the eigenvectors of `G Gᵀ` as rows, that of the largest eigenvalue first. All are NaN if `G`
/// contains NaN or an infinity.
pub(crate) fn first_basis(unfolded: Matrix) -> Matrix {
    let (rows, columns) = (unfolded.nrows(), unfolded.ncols());
    let nan = |_, _| f64::NAN;
    if rows < MANY_ROWS || columns > rows / 2 {
        let mut square = Matrix::zeros(rows, rows);
        matrix::add_gram(square.values_mut(), 0.0, 1.0, unfolded.view());
        return matrix::symmetric_eigen(&square)
            .map_or_else(|| Matrix::from_fn(rows, rows, nan), |found| found.1);
    }
    let mut square = Matrix::zeros(columns, columns);
    matrix::add_gram(square.values_mut(), 0.0, 1.0, unfolded.view().t());
    let Some((_, vectors)) = matrix::symmetric_eigen(&square) else {
        return Matrix::from_fn(rows, rows, nan);
    };
    // The eigenvectors with eigenvalues above 0, completed to a basis.
    let mut all = Matrix::product(vectors.view(), unfolded.view().t()).into_values();
    all.resize(rows * rows, 0.0);
    for (place, row) in all[columns * rows..].chunks_mut(rows).enumerate() {
        row[place] = 1.0;
    }
    let mut all = Matrix::from_vec(all, rows, rows);
    matrix::orthonormalize_rows(&mut all);
    all
}

/// Makes one iteration from the rows of `basis` towards the eigenvectors of `covariance`, and fills its upper
/// triangle. Returns the next basis, and the order of its vectors in the old one.
pub(crate) fn next_basis<T: Real>(covariance: &mut Matrix<T>, basis: &Matrix<T>) -> (Matrix<T>, Vec<usize>) {
    let n = basis.nrows();
    matrix::mirror(covariance.values_mut(), n);
    let product = basis * &*covariance;
    let dot = |row: usize| {
        let pairs = basis.row(row).iter().zip(product.row(row));
        pairs.map(|(vector, product)| vector.to_f64() * product.to_f64()).sum()
    };
    let eigenvalues: Vec<f64> = (0..n).into_par_iter().map(dot).collect();
    let order = descending(&eigenvalues);
    let mut sorted = Vec::with_capacity(n * n);
    order.iter().for_each(|&row| sorted.extend_from_slice(product.row(row)));
    let mut next = Matrix::from_vec(sorted, n, n);
    matrix::orthonormalize_rows(&mut next);
    (next, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((7 * i + 3 * j + i * j) as f64 * 0.7).sin())
    }

    #[test]
    fn the_first_basis_diagonalizes_the_covariance_for_few_columns_and_many() {
        for (rows, columns) in [(1, 1), (5, 9), (9, 5), (256, 3), (300, 128), (256, 200)] {
            let unfolded = wave(rows, columns);
            let basis = first_basis(unfolded.clone());
            let product = Matrix::product(basis.view(), basis.view().t());
            assert!((product - &Matrix::identity(rows)).amax() < 1e-12, "{rows} × {columns}");
            let rotated = &basis * &unfolded;
            let covariance = Matrix::product(rotated.view(), rotated.view().t());
            let largest = covariance.amax();
            for i in 0..rows {
                assert!(i == 0 || covariance[(i - 1, i - 1)] > covariance[(i, i)] - 1e-12 * largest);
                for j in 0..i {
                    assert!(covariance[(i, j)].abs() < 1e-12 * largest, "{rows} × {columns}, {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_with_nan_gives_a_basis_of_nan() {
        for (rows, columns) in [(3, 4), (256, 2)] {
            let mut unfolded = wave(rows, columns);
            unfolded[(1, 1)] = f64::NAN;
            assert!(first_basis(unfolded).values().iter().all(|value| value.is_nan()));
        }
    }

    #[test]
    fn iterations_converge_to_the_eigenvectors() {
        let mut covariance = Matrix::zeros(4, 4);
        // Eigenvalues 1, 9, 81 and 729 along the axes, turned by a small rotation.
        let turned = first_basis(wave(4, 7));
        let scaled = Matrix::from_fn(4, 4, |i, j| 3_f64.powi(i as i32) * turned[(i, j)]);
        matrix::add_gram(covariance.values_mut(), 0.0, 1.0, scaled.view().t());
        let mut basis = Matrix::identity(4);
        for _ in 0..12 {
            basis = next_basis(&mut covariance, &basis).0;
        }
        for (row, expected) in [(0, 3), (1, 2), (2, 1), (3, 0)] {
            let dot: f64 = basis.row(row).iter().zip(turned.row(expected)).map(|(a, b)| a * b).sum();
            assert!((dot.abs() - 1.0).abs() < 1e-9, "{dot}");
        }
    }
}
