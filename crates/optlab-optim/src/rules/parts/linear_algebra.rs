//! Tensors viewed as matrices along each dimension, and matrices on the host, for the rules that precondition
//! gradients.
//!
//! A rule has up to two forms.
//!
//! In tensor operations, for every backend: [`unfold`], [`gram`] and [`multiply_along`] run on the tensor's
//! device. Decompositions run on the host: [`read`] the matrix, call [`eigen`], [`power`] or [`orthonormal`],
//! and [`write`] the result, which waits for the device.
//!
//! On slices, for 32-bit floats in host memory ([`optlab_kernel::is_on_host`]) or to compute in 64 bits: take
//! the elements with [`values`], without a copy if the tensor has them alone ([`TensorMemory::take`]),
//! compute with [`Lines`] and [`optlab_kernel::matrix`], and put them back with [`tensor`].
//!
//! Products and decompositions of [`optlab_kernel::matrix`] use all cores, and their bits do not depend on
//! the number of threads.
//!
//! [`TensorMemory::take`]: crate::rule::TensorMemory::take

pub(crate) use crate::rules::parts::lines::{Lines, PIECE, tensor, values};
pub(crate) use optlab_kernel::matrix::Matrix;

use burn::tensor::{DType, Device, Tensor};
use optlab_kernel::matrix::{self, Real};
use rayon::prelude::*;

/// Returns the tensor as a matrix with a row for each index of dimension `dim`; the order of the columns is
/// unspecified.
pub(crate) fn unfold<const D: usize>(tensor: Tensor<D>, dim: usize) -> Tensor<2> {
    let rows = tensor.dims()[dim];
    let columns = tensor.shape().num_elements() / rows.max(1);
    tensor.swap_dims(0, dim).reshape([rows, columns])
}

/// Multiplies each line of the tensor along dimension `dim` by a square matrix.
pub(crate) fn multiply_along<const D: usize>(matrix: Tensor<2>, tensor: Tensor<D>, dim: usize) -> Tensor<D> {
    let mut shape = tensor.dims();
    shape.swap(0, dim);
    matrix.matmul(unfold(tensor, dim)).reshape(shape).swap_dims(0, dim)
}

/// Returns `G Gᵀ` of the tensor [unfolded](unfold) along `dim`.
pub(crate) fn gram<const D: usize>(tensor: Tensor<D>, dim: usize) -> Tensor<2> {
    let unfolded = unfold(tensor, dim);
    unfolded.clone().matmul(unfolded.transpose())
}

/// Splits a buffer's name into its kind and its dimension, if the name ends in the number of a dimension.
pub(crate) fn of_dimension(buffer: &str) -> Option<(&str, usize)> {
    let (kind, dim) = buffer.rsplit_once('_')?;
    Some((kind, dim.parse().ok()?))
}

/// Reads a matrix from a device, in 64 bits.
pub(crate) fn read(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    Matrix::from_vec(values(tensor), rows, columns)
}

/// Writes a matrix to a device.
pub(crate) fn write(matrix: &Matrix, device: &Device, dtype: DType) -> Tensor<2> {
    tensor(matrix.values().to_vec(), [matrix.nrows(), matrix.ncols()], device, dtype)
}

/// Reads a matrix that [`write_pair`] wrote to a device.
pub(crate) fn read_pair(pair: Tensor<3>) -> Matrix {
    let [_, rows, columns] = pair.dims();
    let sum = match pair.dtype() {
        DType::F32 => sum_of_halves::<f32>(&values(pair)),
        _ => sum_of_halves::<f64>(&values(pair)),
    };
    Matrix::from_vec(sum, rows, columns)
}

fn sum_of_halves<T: Real>(pair: &[T]) -> Vec<f64> {
    let (nearest, rest) = pair.split_at(pair.len() / 2);
    let pieces = nearest.par_iter().with_min_len(PIECE).zip(rest);
    pieces.map(|(nearest, rest)| nearest.to_f64() + rest.to_f64()).collect()
}

/// Writes a matrix to a device as the sum of two, `[2, rows, columns]`: the nearest numbers in `dtype`, and
/// the remainders. Two 32-bit floats have 48 significant bits together, also on devices without 64-bit
/// floats.
pub(crate) fn write_pair(matrix: &Matrix, device: &Device, dtype: DType) -> Tensor<3> {
    let shape = [2, matrix.nrows(), matrix.ncols()];
    if dtype == DType::F32 {
        tensor(halves::<f32>(matrix.values()), shape, device, dtype)
    } else {
        tensor(halves::<f64>(matrix.values()), shape, device, dtype)
    }
}

fn halves<T: Real>(values: &[f64]) -> Vec<T> {
    let mut pair = vec![T::ZERO; 2 * values.len()];
    let (nearest, rest) = pair.split_at_mut(values.len());
    let pieces = nearest.par_chunks_mut(PIECE).zip(rest.par_chunks_mut(PIECE)).zip(values.par_chunks(PIECE));
    pieces.for_each(|((nearest, rest), values)| {
        for ((nearest, rest), &value) in nearest.iter_mut().zip(rest).zip(values) {
            *nearest = T::of(value);
            *rest = T::of(value - nearest.to_f64());
        }
    });
    pair
}

/// Returns the eigenvalues of a symmetric matrix, the largest first, and orthonormal eigenvectors as the
/// columns of a matrix, in the same order. All are NaN if the matrix contains NaN or an infinity.
pub(crate) fn eigen(matrix: Matrix) -> (Vec<f64>, Matrix) {
    let n = matrix.nrows();
    match matrix::symmetric_eigen(&matrix) {
        Some((values, vectors)) => (values, vectors.transpose()),
        None => (vec![f64::NAN; n], Matrix::from_fn(n, n, |_, _| f64::NAN)),
    }
}

/// Returns the indices of `values`, sorted from the largest value to the smallest.
pub(crate) fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Returns `(A + ε I)^exponent` for a symmetric matrix `A` without negative eigenvalues. For `exponent` in
/// `(−1, 0)`, [`matrix::inverse_root_times`] multiplies by it in less time.
#[allow(dead_code, reason = "for rules with other exponents")]
pub(crate) fn power(matrix: Matrix, epsilon: f64, exponent: f64) -> Matrix {
    let (values, vectors) = eigen(matrix);
    // Rounding turns eigenvalues of 0 into small negative ones. Unlike `max`, `clamp` keeps NaN.
    let power = |value: &f64| (value.clamp(0.0, f64::INFINITY) + epsilon).powf(exponent);
    let factors: Vec<f64> = values.iter().map(power).collect();
    let scaled = Matrix::from_fn(vectors.nrows(), vectors.ncols(), |i, j| vectors[(i, j)] * factors[j]);
    Matrix::product(scaled.view(), vectors.view().t())
}

/// Returns the Gram-Schmidt orthonormalization of the columns of a square matrix, up to signs.
#[allow(dead_code, reason = "for rules that orthonormalize columns")]
pub(crate) fn orthonormal(matrix: Matrix) -> Matrix {
    let mut rows = matrix.transpose();
    matrix::orthonormalize_rows(&mut rows);
    rows.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn matrix<const N: usize>(rows: [[f64; N]; N]) -> Matrix {
        Matrix::from_vec(rows.into_iter().flatten().collect(), N, N)
    }

    /// Returns `B Bᵀ` for a matrix `B` of `n` rows and `rank` columns.
    fn symmetric(n: usize, rank: usize) -> Matrix {
        let b = Matrix::from_fn(n, rank, |i, j| ((7 * i + 3 * j + i * j) as f64 * 0.7).sin());
        Matrix::product(b.view(), b.view().t())
    }

    fn assert_close(given: &Matrix, expected: &Matrix, tolerance: f64) {
        let error = (given.clone() - expected).amax();
        assert!(error <= tolerance, "off by {error}: {given:?} and {expected:?}");
    }

    fn assert_orthonormal(matrix: &Matrix) {
        let n = matrix.nrows();
        assert_close(&(&matrix.transpose() * matrix), &Matrix::identity(n), 1e-13);
    }

    #[test]
    fn a_matrix_of_two_rows_has_the_eigenvalues_and_roots_computed_by_hand() {
        // [[2, 1], [1, 2]] has the eigenvalues 3 along (1, 1) and 1 along (1, −1).
        let (values, vectors) = eigen(matrix([[2.0, 1.0], [1.0, 2.0]]));
        assert!((values[0] - 3.0).abs() < 1e-15 && (values[1] - 1.0).abs() < 1e-15);
        assert!((vectors[(0, 0)] - vectors[(1, 0)]).abs() < 1e-15);
        assert!((vectors[(0, 1)] + vectors[(1, 1)]).abs() < 1e-15);
        assert_orthonormal(&vectors);
        // [[5, 4], [4, 5]] has the eigenvalues 9 and 1, so its inverse root has 1/3 and 1 along the same
        // vectors.
        let root = power(matrix([[5.0, 4.0], [4.0, 5.0]]), 0.0, -0.5);
        assert_close(&root, &matrix([[2.0 / 3.0, -1.0 / 3.0], [-1.0 / 3.0, 2.0 / 3.0]]), 1e-15);
        // With ε = 1 the eigenvalues are 10 and 2.
        let inverse = power(matrix([[5.0, 4.0], [4.0, 5.0]]), 1.0, -1.0);
        assert_close(&inverse, &matrix([[0.3, -0.2], [-0.2, 0.3]]), 1e-15);
    }

    #[test]
    fn eigenvectors_and_eigenvalues_reconstruct_the_matrix() {
        for (n, rank) in [(1, 1), (2, 2), (5, 5), (17, 17), (17, 3), (40, 40), (6, 0)] {
            let matrix = symmetric(n, rank);
            let (values, vectors) = eigen(matrix.clone());
            assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
            assert_orthonormal(&vectors);
            let scaled = Matrix::from_fn(n, n, |i, j| vectors[(i, j)] * values[j]);
            assert_close(&(&scaled * &vectors.transpose()), &matrix, 1e-13 * n as f64);
        }
    }

    #[test]
    fn the_decomposition_converges_for_hundreds_of_dimensions() {
        let (values, _) = eigen(symmetric(400, 400));
        assert!(values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn an_inverse_root_raised_to_its_power_is_the_inverse() {
        for (n, order) in [(1, 1), (3, 1), (8, 2), (5, 4)] {
            let matrix = symmetric(n, n);
            let root = power(matrix.clone(), 0.01, -1.0 / (2 * order) as f64);
            let inverse = (1..2 * order).fold(root.clone(), |inverse, _| &inverse * &root);
            let sum = matrix + &Matrix::identity(n).scaled(0.01);
            assert_close(&(&inverse * &sum), &Matrix::identity(n), 1e-10);
        }
    }

    #[test]
    fn directions_missing_from_a_matrix_have_the_eigenvalue_epsilon() {
        let root = power(symmetric(6, 2), 1e-4, -0.5);
        let (values, _) = eigen(root);
        assert!(values[..4].iter().all(|value| (value - 100.0).abs() < 1e-6), "{values:?}");
        assert_close(&power(Matrix::zeros(3, 3), 0.25, -0.5), &Matrix::identity(3).scaled(2.0), 1e-15);
    }

    #[test]
    fn orthonormal_columns_span_the_same_spaces_as_the_leading_columns() {
        for matrix in [symmetric(7, 7), symmetric(7, 3), Matrix::zeros(4, 4)] {
            let columns = orthonormal(matrix.clone());
            assert_orthonormal(&columns);
            // Column j of the matrix has no component along the orthonormal columns after the j-th.
            let parts = &columns.transpose() * &matrix;
            for column in 0..parts.ncols() {
                assert!((column + 1..parts.nrows()).all(|row| parts[(row, column)].abs() < 1e-13));
            }
        }
    }

    #[test]
    fn a_matrix_with_nan_gives_nan_at_once() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut matrix = symmetric(4, 4);
            matrix[(2, 1)] = bad;
            let (values, vectors) = eigen(matrix.clone());
            assert!(values.iter().chain(vectors.values()).all(|value| value.is_nan()));
            assert!(power(matrix, 1.0, -0.5).values().iter().all(|value| value.is_nan()));
        }
        assert!(eigen(Matrix::zeros(0, 0)).0.is_empty());
    }

    #[test]
    fn a_matrix_written_to_a_device_reads_back_unchanged() {
        let device = Device::default();
        let matrix = Matrix::from_fn(2, 3, |i, j| (10 * i + j) as f64);
        let tensor = write(&matrix, &device, DType::F32);
        assert_eq!(
            tensor.clone().into_data().try_to_vec::<f32>().unwrap(),
            [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]
        );
        assert_eq!(read(tensor), matrix);
    }

    #[test]
    fn a_pair_of_32_bit_matrices_keeps_48_bits_and_non_finite_values() {
        let device = Device::default();
        let matrix = Matrix::from_fn(3, 4, |i, j| 1e4 + 1e-4 * (1.0 + (7 * i + j) as f64).sqrt());
        let pair = write_pair(&matrix, &device, DType::F32);
        assert_eq!((pair.dims(), pair.dtype()), ([2, 3, 4], DType::F32));
        assert_close(&read_pair(pair), &matrix, 1e4 * (-48_f64).exp2());
        for bad in [f64::NAN, f64::INFINITY] {
            let pair = write_pair(&Matrix::from_vec(vec![bad], 1, 1), &device, DType::F32);
            assert!(!read_pair(pair)[(0, 0)].is_finite());
        }
    }

    #[test]
    fn a_matrix_multiplies_the_lines_along_one_dimension() {
        let device = Device::default();
        let values: Vec<f64> = (0..24).map(|i| (f64::from(i) * 0.9).sin()).collect();
        let tensor = Tensor::<3>::from_data(TensorData::new(values.clone(), [2, 3, 4]), &device);
        let at = |i: usize, j: usize, k: usize| values[(i * 3 + j) * 4 + k];
        let matrix = Matrix::from_fn(3, 3, |i, j| (i as f64 - 2.0 * j as f64) * 0.3);
        let product = multiply_along(write(&matrix, &device, DType::F32), tensor.clone(), 1);
        let gram = read(gram(tensor, 1));
        let product: Vec<f32> = product.into_data().try_to_vec().unwrap();
        for j in 0..3 {
            for (i, k) in (0..2).flat_map(|i| (0..4).map(move |k| (i, k))) {
                let expected: f64 = (0..3).map(|l| matrix[(j, l)] * at(i, l, k)).sum();
                assert!((f64::from(product[(i * 3 + j) * 4 + k]) - expected).abs() < 1e-6);
            }
            for l in 0..3 {
                let expected: f64 = (0..2)
                    .flat_map(|i| (0..4).map(move |k| (i, k)))
                    .map(|(i, k)| at(i, j, k) * at(i, l, k))
                    .sum();
                assert!((gram[(j, l)] - expected).abs() < 1e-6);
            }
        }
    }
}
