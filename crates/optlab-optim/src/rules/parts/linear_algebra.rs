//! Tensors viewed as matrices along each dimension, and decompositions of symmetric matrices.
//!
//! The decompositions are nalgebra's, in 64 bits on the host, so reading a matrix waits for its device.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nalgebra::DMatrix;

/// A matrix on the host.
pub(crate) type Matrix = DMatrix<f64>;

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

/// Computes the same as [`multiply_along`], in 64 bits on the host.
pub(crate) fn multiply_along_on_host<const D: usize>(
    matrix: &Matrix,
    tensor: Tensor<D>,
    dim: usize,
) -> Tensor<D> {
    let (device, dtype) = (tensor.device(), tensor.dtype());
    let mut shape = tensor.dims();
    shape.swap(0, dim);
    write(&(matrix * read(unfold(tensor, dim))), &device, dtype).reshape(shape).swap_dims(0, dim)
}

/// Splits a buffer's name into its kind and its dimension, if the name ends in the number of a dimension.
pub(crate) fn of_dimension(buffer: &str) -> Option<(&str, usize)> {
    let (kind, dim) = buffer.rsplit_once('_')?;
    Some((kind, dim.parse().ok()?))
}

/// Reads a matrix from a device.
pub(crate) fn read(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    Matrix::from_row_iterator(rows, columns, tensor.into_data().iter::<f64>())
}

/// Writes a matrix to a device.
pub(crate) fn write(matrix: &Matrix, device: &Device, dtype: DType) -> Tensor<2> {
    // nalgebra stores matrices by column.
    let values: Vec<f64> = matrix.transpose().iter().copied().collect();
    Tensor::from_data(TensorData::new(values, [matrix.nrows(), matrix.ncols()]), (device, dtype))
}

/// Reads a matrix that [`write_pair`] wrote to a device.
pub(crate) fn read_pair(pair: Tensor<3>) -> Matrix {
    let [_, rows, columns] = pair.dims();
    let part = |index: usize| read(pair.clone().narrow(0, index, 1).reshape([rows, columns]));
    part(0) + part(1)
}

/// Writes a matrix to a device as the sum of two, `[2, rows, columns]`: the nearest numbers in `dtype`, and
/// the remainders. Two 32-bit floats have 48 significant bits together, also on devices without 64-bit
/// floats.
pub(crate) fn write_pair(matrix: &Matrix, device: &Device, dtype: DType) -> Tensor<3> {
    let nearest = write(matrix, device, dtype);
    let rest = write(&(matrix - read(nearest.clone())), device, dtype);
    Tensor::stack(vec![nearest, rest], 0)
}

/// Returns the eigenvalues of a symmetric matrix, the largest first, and orthonormal eigenvectors as the
/// columns of a matrix, in the same order. All are NaN if the matrix contains NaN or an infinity.
pub(crate) fn eigen(matrix: Matrix) -> (Vec<f64>, Matrix) {
    let n = matrix.nrows();
    let not_a_number = || (vec![f64::NAN; n], Matrix::from_element(n, n, f64::NAN));
    if n == 0 || !matrix.iter().all(|value| value.is_finite()) {
        // nalgebra's iteration would never end.
        return not_a_number();
    }
    let most_iterations = 100 * (n + 10);
    let Some(found) = matrix.try_symmetric_eigen(f64::EPSILON, most_iterations) else {
        return not_a_number();
    };
    let order = descending(found.eigenvalues.as_slice());
    let values = order.iter().map(|&column| found.eigenvalues[column]).collect();
    (values, found.eigenvectors.select_columns(&order))
}

/// Returns the indices of `values`, sorted from the largest value to the smallest.
pub(crate) fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Returns `(A + ε I)^exponent` for a symmetric matrix `A` without negative eigenvalues.
pub(crate) fn power(matrix: Matrix, epsilon: f64, exponent: f64) -> Matrix {
    let (values, vectors) = eigen(matrix);
    let mut scaled = vectors.clone();
    for (mut column, value) in scaled.column_iter_mut().zip(values) {
        // Rounding turns eigenvalues of 0 into small negative ones. Unlike `max`, `clamp` keeps NaN.
        column *= (value.clamp(0.0, f64::INFINITY) + epsilon).powf(exponent);
    }
    scaled * vectors.transpose()
}

/// Returns the Gram-Schmidt orthonormalization of the columns of a square matrix, up to signs.
pub(crate) fn orthonormal(matrix: Matrix) -> Matrix {
    matrix.qr().q()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix<const N: usize>(rows: [[f64; N]; N]) -> Matrix {
        Matrix::from_row_iterator(N, N, rows.into_iter().flatten())
    }

    /// Returns `B Bᵀ` for a matrix `B` of `n` rows and `rank` columns.
    fn symmetric(n: usize, rank: usize) -> Matrix {
        let b = Matrix::from_fn(n, rank, |i, j| ((7 * i + 3 * j + i * j) as f64 * 0.7).sin());
        &b * b.transpose()
    }

    fn assert_close(given: &Matrix, expected: &Matrix, tolerance: f64) {
        let error = (given - expected).amax();
        assert!(error <= tolerance, "off by {error}: {given} and {expected}");
    }

    fn assert_orthonormal(matrix: &Matrix) {
        let n = matrix.nrows();
        assert_close(&(matrix.transpose() * matrix), &Matrix::identity(n, n), 1e-13);
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
            let values = Matrix::from_diagonal(&values.into());
            assert_close(&(&vectors * values * vectors.transpose()), &matrix, 1e-13 * n as f64);
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
            let inverse = root.pow(2 * order);
            let sum = matrix + Matrix::identity(n, n) * 0.01;
            assert_close(&(inverse * sum), &Matrix::identity(n, n), 1e-10);
        }
    }

    #[test]
    fn directions_missing_from_a_matrix_have_the_eigenvalue_epsilon() {
        let root = power(symmetric(6, 2), 1e-4, -0.5);
        let (values, _) = eigen(root);
        assert!(values[..4].iter().all(|value| (value - 100.0).abs() < 1e-6), "{values:?}");
        assert_close(&power(Matrix::zeros(3, 3), 0.25, -0.5), &(Matrix::identity(3, 3) * 2.0), 1e-15);
    }

    #[test]
    fn orthonormal_columns_span_the_same_spaces_as_the_leading_columns() {
        for matrix in [symmetric(7, 7), symmetric(7, 3), Matrix::zeros(4, 4)] {
            let columns = orthonormal(matrix.clone());
            assert_orthonormal(&columns);
            // Column j of the matrix has no component along the orthonormal columns after the j-th.
            let parts = columns.transpose() * matrix;
            for column in 0..parts.ncols() {
                assert!(parts.view_range(column + 1.., column).iter().all(|part| part.abs() < 1e-13));
            }
        }
    }

    #[test]
    fn a_matrix_with_nan_gives_nan_at_once() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut matrix = symmetric(4, 4);
            matrix[(2, 1)] = bad;
            let (values, vectors) = eigen(matrix.clone());
            assert!(values.iter().chain(vectors.iter()).all(|value| value.is_nan()));
            assert!(power(matrix, 1.0, -0.5).iter().all(|value| value.is_nan()));
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
            let pair = write_pair(&Matrix::from_element(1, 1, bad), &device, DType::F32);
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
        let on_host = multiply_along_on_host(&matrix, tensor.clone(), 1);
        assert!((product.clone() - on_host).abs().max().into_scalar::<f32>() < 1e-6);
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
