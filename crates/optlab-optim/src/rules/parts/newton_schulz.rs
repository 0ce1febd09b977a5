//! Orthogonalization of matrices by Newton-Schulz iterations.
//!
//! An iteration with the coefficients `(a, b, c)` is
//!
//! ```text
//! X ← (a I + b A + c A²) X,  A = X Xᵀ
//! ```
//!
//! It moves the singular values of `X`, `σ ← a σ + b σ³ + c σ⁵`, and keeps the singular vectors. On the host all
//! polynomials of several iterations are multiplied first, since they are functions of the first `A` and as small as
//! it: `A ← P A P` with `P = a I + b A + c A²`.

use crate::rules::parts::linear_algebra::{PIECE, tensor, values};
use burn::tensor::Tensor;
use optlab_kernel::is_on_host;
use optlab_kernel::matrix::{self, Matrix, View};
use rayon::prelude::*;

/// The coefficients of an iteration.
pub(crate) type Coefficients = [f64; 3];

/// How often rounding errors of small singular values may be multiplied before `A` is computed from `X` again.
const MOST_GROWTH: f64 = 150.0;

/// Divides a matrix by its Frobenius norm, at least `least_norm`, and makes an iteration with each of the
/// coefficients.
pub(crate) fn orthogonalized(matrix: Tensor<2>, coefficients: &[Coefficients], least_norm: f64) -> Tensor<2> {
    if is_on_host(&matrix) {
        let (shape, device, dtype) = (matrix.dims(), matrix.device(), matrix.dtype());
        return tensor(on_slices(values(matrix), shape, coefficients, least_norm), shape, &device, dtype);
    }
    let [rows, columns] = matrix.dims();
    if rows > columns {
        return orthogonalized(matrix.transpose(), coefficients, least_norm).transpose();
    }
    let norm = matrix.clone().square().sum().sqrt().clamp_min(least_norm);
    let mut x = matrix / norm.unsqueeze();
    for &[a, b, c] in coefficients {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    x
}

/// Does the same with the elements of a matrix, row-major.
pub(crate) fn on_slices(
    mut x: Vec<f32>,
    [rows, columns]: [usize; 2],
    coefficients: &[Coefficients],
    least_norm: f64,
) -> Vec<f32> {
    let squares: Vec<f64> =
        x.par_chunks(PIECE).map(|piece| piece.iter().map(|&x| f64::from(x) * f64::from(x)).sum()).collect();
    let factor = (1.0 / squares.iter().sum::<f64>().sqrt().max(least_norm)) as f32;
    x.par_chunks_mut(PIECE).for_each(|piece| piece.iter_mut().for_each(|x| *x *= factor));
    let (short, long) = (rows.min(columns), rows.max(columns));
    let mut rest = coefficients;
    while !rest.is_empty() {
        // Products of short matrices pay if the matrix is much longer.
        let count = if long < 2 * short { 1 } else { together(rest) };
        let (now, later) = rest.split_at(count);
        rest = later;
        let view = View::new(&x, rows, columns);
        let mut gram = vec![0.0; short * short];
        matrix::add_gram(&mut gram, 0.0, 1.0, if rows <= columns { view } else { view.t() });
        matrix::mirror(&mut gram, short);
        let polynomial = polynomial(Matrix::from_vec(gram, short, short), now);
        let mut next = vec![0.0; x.len()];
        if rows <= columns {
            matrix::multiply(&mut next, polynomial.view(), view);
        } else {
            // The polynomial of a symmetric matrix is symmetric.
            matrix::multiply(&mut next, view, polynomial.view());
        }
        x = next;
    }
    x
}

/// Returns how many of the first iterations are made together.
fn together(coefficients: &[Coefficients]) -> usize {
    let mut growth = 1.0;
    let grows_too_much = |&[a, _, _]: &Coefficients| {
        let before = growth;
        growth *= a * a;
        before > MOST_GROWTH
    };
    coefficients.iter().position(grows_too_much).unwrap_or(coefficients.len()).max(1)
}

/// Returns the product of the polynomials of several iterations, from the first `A`.
fn polynomial(mut gram: Matrix<f32>, coefficients: &[Coefficients]) -> Matrix<f32> {
    let mut product: Option<Matrix<f32>> = None;
    for (place, &[a, b, c]) in coefficients.iter().enumerate() {
        let [a, b, c] = [a, b, c].map(|coefficient| coefficient as f32);
        let mut step = if c == 0.0 { Matrix::zeros(gram.nrows(), gram.nrows()) } else { &gram * &gram };
        step.values_mut().iter_mut().zip(gram.values()).for_each(|(step, gram)| *step = b * gram + c * *step);
        (0..gram.nrows()).for_each(|row| step[(row, row)] += a);
        if place + 1 < coefficients.len() {
            gram = &(&step * &gram) * &step;
        }
        product = Some(match product {
            None => step,
            Some(product) => &step * &product,
        });
    }
    product.expect("at least one iteration")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::parts::linear_algebra::{eigen, read};
    use burn::tensor::{DType, Device, TensorData};
    use proptest::prelude::*;

    const QUINTIC: Coefficients = [3.4445, -4.775, 2.0315];

    fn singular_values(matrix: &Matrix) -> Vec<f64> {
        let short = matrix.nrows().min(matrix.ncols());
        let (values, _) = eigen(Matrix::product(matrix.view(), matrix.view().t()));
        values[..short].iter().map(|value| value.max(0.0).sqrt()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn orthogonalization_brings_singular_values_near_one(
            rows in 1..12_usize,
            columns in 1..12_usize,
            values in proptest::collection::vec(-1.0..1.0_f32, 144),
            exponent in -4..5_i32,
        ) {
            let scale = 10.0_f32.powi(exponent);
            let numbers: Vec<f32> = values[..rows * columns].iter().map(|value| value * scale).collect();
            let matrix = Tensor::<2>::from_data(TensorData::new(numbers, [rows, columns]), &Device::default());
            let (before, after) = (read(matrix.clone()), read(orthogonalized(matrix, &[QUINTIC; 5], 1e-7)));
            let of_before = singular_values(&before);
            let norm = of_before.iter().map(|value| value * value).sum::<f64>().sqrt();
            // Five iterations are enough to raise a singular value of 1 % of the norm into the stable range.
            prop_assume!(of_before.iter().all(|&value| value > 0.01 * norm));
            for value in singular_values(&after) {
                prop_assert!((0.65..1.25).contains(&value), "{value} of {before:?}");
            }
            // The singular vectors are kept: the product of the matrix and its image is symmetric, without
            // negative eigenvalues.
            let product = Matrix::product(before.view(), after.view().t());
            prop_assert!((product.clone() - &product.transpose()).amax() < 1e-4 * norm, "{product:?}");
            let trace: f64 = (0..rows).map(|row| product[(row, row)]).sum();
            prop_assert!(trace > 0.6 * norm);
        }
    }

    #[test]
    fn iterations_made_together_give_the_numbers_of_separate_ones() {
        let device = Device::default();
        for (rows, columns) in [(3, 40), (40, 3), (70, 200), (7, 7), (1, 1), (1, 9)] {
            // Singular values from 1 down to 1e-4 of the norm.
            let of = |i: usize, j: usize| {
                let (i, j) = if rows <= columns { (i, j) } else { (j, i) };
                ((i * i + 3 * j + i * j) as f64 * 0.7).sin() * (-9.0 * i as f64 / rows.min(columns) as f64).exp()
            };
            let numbers: Vec<f64> = (0..rows * columns).map(|place| of(place / columns, place % columns)).collect();
            for coefficients in [[QUINTIC; 5].to_vec(), vec![[8.3, -23.6, 17.3], [4.1, -2.9, 0.5], QUINTIC], vec![
                [2.0, -1.5, 0.5];
                12
            ]] {
                let given = on_slices(numbers.iter().map(|&x| x as f32).collect(), [rows, columns], &coefficients, 1e-7);
                let data = TensorData::new(numbers.clone(), [rows, columns]);
                let tensor = Tensor::<2>::from_data(data, (&device, DType::F64));
                let expected = read(orthogonalized(tensor, &coefficients, 1e-7));
                for (given, expected) in given.iter().zip(expected.values()) {
                    assert!((f64::from(*given) - expected).abs() < 1e-4, "{rows} × {columns}: {given}, not {expected}");
                }
            }
        }
    }
}
