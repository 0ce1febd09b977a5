//! Inverse square roots of covariances by coupled Newton-Schulz iterations, in the type of the parameter.
//!
//! An iteration with the coefficients `(a, b, c)` multiplies both matrices by a polynomial of their product:
//!
//! ```text
//! P = a I + b Z Y + c (Z Y)²,  Y ← Y P,  Z ← P Z
//! ```
//!
//! From `Y = A / s` and `Z = I` on, `√Y` is orthogonalized as by
//! [`newton_schulz`](crate::rules::parts::newton_schulz), and `Z` converges to `√s A^(−1/2)`.

use crate::rules::parts::linear_algebra::{tensor, values};
use crate::rules::parts::newton_schulz::{CoefficientSet, Coefficients, Iteration};
use burn::tensor::{DType, FloatDType, Tensor};
use optlab_kernel::is_on_host;
use optlab_kernel::matrix::{Matrix, add_product};

/// Returns about `A^(−1/2)` for a symmetric matrix `A` without negative eigenvalues, by `steps` iterations
/// with the coefficients of Polar Express, which divide by `s = 1.01 ‖A + ε I‖`.
///
/// Ten iterations multiply eigenvalues below `1e-9 ‖A‖` by about `2e4 / √s`. A negative eigenvalue, which
/// rounding makes from one of 0, would diverge, so `2⁻²² s` is added to the diagonal, or `2⁻⁵¹ s` in 64 bits:
/// about as much as rounding changes an eigenvalue.
pub(crate) fn inverse_square_root(matrix: Tensor<2>, epsilon: f64, steps: usize) -> Tensor<2> {
    let polar_express = Coefficients::Named(CoefficientSet::PolarExpress);
    let (iterations, norm_factor) = polar_express.iterations(Some(steps));
    let (shape, device, dtype) = (matrix.dims(), matrix.device(), matrix.dtype());
    let least = if dtype == DType::F64 { 2_f64.powi(-51) } else { 2_f64.powi(-22) };
    if is_on_host(&matrix) {
        let matrix = Matrix::from_vec(values(matrix), shape[0], shape[1]);
        let root = on_host(matrix, epsilon, least, &iterations, norm_factor);
        return tensor(root.into_values(), shape, &device, dtype);
    }
    let identity = Tensor::<2>::eye(shape[0], &device).cast(FloatDType::from(dtype));
    let norm = (matrix.clone() + identity.clone() * epsilon).square().sum().sqrt() * norm_factor;
    let norm: Tensor<2> = norm.unsqueeze();
    let mut y = matrix / norm.clone() + identity.clone() * least;
    let mut z = identity.clone();
    for &[a, b, c] in &iterations {
        let product = z.clone().matmul(y.clone());
        let polynomial = identity.clone() * a + product.clone() * b + product.clone().matmul(product) * c;
        y = y.matmul(polynomial.clone());
        z = polynomial.matmul(z);
    }
    z / norm.sqrt()
}

/// Does the same in host memory; `least` is added to the diagonal of the first `Y`.
fn on_host(
    matrix: Matrix<f32>,
    epsilon: f64,
    least: f64,
    iterations: &[Iteration],
    norm_factor: f64,
) -> Matrix<f32> {
    let n = matrix.nrows();
    let squares: f64 = matrix.values().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let trace: f64 = (0..n).map(|i| f64::from(matrix[(i, i)])).sum();
    // The squared norm of A + εI.
    let norm = norm_factor * (squares + epsilon * (2.0 * trace + epsilon * n as f64)).sqrt();
    let mut y = matrix.scaled((1.0 / norm) as f32);
    (0..n).for_each(|i| y[(i, i)] += least as f32);
    let mut z = Matrix::identity(n);
    for (place, iteration) in iterations.iter().enumerate() {
        let [a, b, c] = iteration.map(|coefficient| coefficient as f32);
        let product = if place == 0 { y.clone() } else { &z * &y };
        let mut rest = product.clone().scaled(b);
        add_product(rest.values_mut(), c, product.view(), product.view());
        if place + 1 < iterations.len() {
            let mut next = y.clone().scaled(a);
            add_product(next.values_mut(), 1.0, y.view(), rest.view());
            y = next;
        }
        let mut next = z.clone().scaled(a);
        add_product(next.values_mut(), 1.0, rest.view(), z.view());
        z = next;
    }
    z.scaled((1.0 / norm.sqrt()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::parts::linear_algebra::{power, read, write};
    use burn::tensor::Device;

    /// Returns `B Bᵀ` for a matrix `B` of `n` rows and `rank` columns, with rows of lengths from 1 down to
    /// 0.03.
    fn symmetric(n: usize, rank: usize) -> Matrix {
        let b = Matrix::from_fn(n, rank, |i, j| {
            ((7 * i + 3 * j + i * j * j) as f64 * 0.7).sin() * (-3.5 * i as f64 / n as f64).exp()
        });
        Matrix::product(b.view(), b.view().t())
    }

    #[test]
    fn ten_iterations_give_the_inverse_square_root_on_slices_and_on_tensors() {
        let device = Device::default();
        for n in [1, 2, 7, 40] {
            let matrix = symmetric(n, 3 * n).scaled(25.0);
            let expected = power(matrix.clone(), 0.0, -0.5);
            for (dtype, tolerance) in [(DType::F32, 3e-3), (DType::F64, 1e-7)] {
                let root = read(inverse_square_root(write(&matrix, &device, dtype), 1e-10, 10));
                let error = (root - &expected).amax();
                assert!(error < tolerance * expected.amax(), "{n} rows, {dtype:?}: {error}");
            }
        }
    }

    #[test]
    fn a_matrix_of_low_rank_is_inverted_in_its_span_although_rounding_makes_eigenvalues_negative() {
        let device = Device::default();
        for (n, rank) in [(4, 1), (64, 1), (64, 8), (200, 1), (200, 12)] {
            let b = Matrix::from_fn(n, rank, |i, j| ((7 * i + 3 * j + i * j * j) as f64 * 0.7).sin());
            let matrix = write(&Matrix::product(b.view(), b.view().t()), &device, DType::F32);
            let root = read(inverse_square_root(matrix, 1e-10, 10));
            // (B Bᵀ)^(−1/2) B = B (Bᵀ B)^(−1/2).
            let product = &root * &b;
            let expected = &b * &power(Matrix::product(b.view().t(), b.view()), 0.0, -0.5);
            let error = (product - &expected).amax();
            assert!(error < 0.02 * expected.amax(), "{n} rows, rank {rank}: {error}");
        }
    }

    #[test]
    fn a_matrix_of_zeros_has_a_finite_root() {
        let zeros = Tensor::<2>::zeros([5, 5], &Device::default());
        assert!(read(inverse_square_root(zeros, 1e-10, 10)).values().iter().all(|value| value.is_finite()));
    }
}
