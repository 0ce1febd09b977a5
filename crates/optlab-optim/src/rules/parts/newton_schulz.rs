//! Newton-Schulz iterations that make the singular values of a matrix about equal.

use burn::tensor::Tensor;

/// The coefficients of the quintic iteration of Jordan et al., 2024, tuned for few steps: `X ← a X + b A X + c A² X`, `A = X Xᵀ`.
const COEFFICIENTS: (f64, f64, f64) = (3.4445, -4.775, 2.0315);

/// Returns a matrix with approximately the same singular vectors, and singular values of about 1, after
/// `steps` iterations from `matrix / (‖matrix‖ + epsilon)`, with the Frobenius norm.
pub(crate) fn orthogonalized(matrix: Tensor<2>, steps: usize, epsilon: f64) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    if rows > columns {
        return orthogonalized(matrix.transpose(), steps, epsilon).transpose();
    }
    let (a, b, c) = COEFFICIENTS;
    let norm = matrix.clone().square().sum().sqrt() + epsilon;
    let mut x = matrix / norm.unsqueeze();
    for _ in 0..steps {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    x
}

/// Returns the matrix after `steps` cubic iterations, which bring singular values near 1 closer to 1.
pub(crate) fn refined(matrix: Tensor<2>, steps: usize) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    if rows > columns {
        return refined(matrix.transpose(), steps).transpose();
    }
    (0..steps).fold(matrix, |x, _| {
        let gram = x.clone().matmul(x.clone().transpose());
        x.clone() * 1.5 - gram.matmul(x) * 0.5
    })
}
