//! Orthogonalization of matrices by Newton-Schulz iterations.
//!
//! An iteration with the coefficients `(a, b, c)` is
//!
//! ```text
//! X ← (a I + b A + c A²) X,  A = X Xᵀ
//! ```
//!
//! It moves the singular values of `X`, `σ ← a σ + b σ³ + c σ⁵`, and keeps the singular vectors. On the host
//! all polynomials of several iterations are multiplied first, since they are functions of the first `A` and
//! as small as it: `A ← P A P` with `P = a I + b A + c A²`.

use crate::Error;
use crate::rules::parts::linear_algebra::{PIECE, tensor, values};
use burn::tensor::Tensor;
use optlab_kernel::is_on_host;
use optlab_kernel::matrix::{self, Matrix, View};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The coefficients of an iteration.
pub(crate) type Iteration = [f64; 3];

/// The coefficients of Newton-Schulz iterations `X ← (a I + b A + c A²) X` with `A = X Xᵀ`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Coefficients {
    /// A named set.
    Named(CoefficientSet),
    /// One's own: `a`, `b` and `c` of the first iteration, then of the second, and so on. The last ones are
    /// repeated.
    Own(Vec<f64>),
}

/// A named set of coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoefficientSet {
    /// `(3.4445, −4.775, 2.0315)`, tuned by Muon's authors for five iterations. Singular values end between
    /// 0.7 and 1.2.
    Quintic,
    /// Those of *Polar Express* (Amsel et al., 2025, <https://arxiv.org/abs/2505.16932>), different in each
    /// iteration, with the safety factor 1.01 of its algorithm 1, also in the norm. Singular values converge
    /// to 1.
    PolarExpress,
    /// `(2, −1.5, 0.5)`, by default in 12 iterations. Singular values converge to 1 from below.
    #[serde(rename = "cubic_12")]
    Cubic12,
}

/// The coefficients of Muon's authors.
const QUINTIC: Iteration = [3.4445, -4.775, 2.0315];

/// Coefficients that converge to 1 from below.
const CUBIC: Iteration = [2.0, -1.5, 0.5];

/// The coefficients of algorithm 1 of Polar Express, without its safety factor. The last ones are repeated,
/// and have none.
const POLAR_EXPRESS: [Iteration; 8] = [
    [8.287_212_018_145_63, -23.595_886_519_098_837, 17.300_387_312_530_933],
    [4.107_059_111_542_203, -2.947_849_916_737_910_6, 0.544_843_108_292_660_1],
    [3.948_690_853_482_294_6, -2.908_902_115_962_949, 0.551_819_139_437_013_7],
    [3.318_419_657_370_601_5, -2.488_488_024_314_874, 0.510_048_940_123_72],
    [2.300_652_019_954_817, -1.668_903_984_574_749_3, 0.418_807_311_952_567_3],
    [1.891_301_407_787_398, -1.267_995_827_194_586_8, 0.376_804_089_485_248_35],
    [1.875_001_480_853_447_9, -1.250_001_645_399_948_7, 0.375_000_164_547_424_8],
    [1.875, -1.25, 0.375],
];

/// The safety factor of Polar Express.
const SAFETY: f64 = 1.01;

/// The default number of iterations.
const ITERATIONS: usize = 5;

impl Coefficients {
    /// The coefficients of Muon's authors.
    pub const QUINTIC: Self = Coefficients::Named(CoefficientSet::Quintic);

    /// Checks one's own coefficients; errors name `owner`.
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        match self {
            Coefficients::Own(own)
                if own.is_empty() || own.len() % 3 != 0 || !own.iter().all(|number| number.is_finite()) =>
            {
                let allowed = "three finite numbers for each iteration";
                let given = own.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
                Err(Error::invalid(owner, "coefficients", allowed, format!("[{given}]")))
            }
            _ => Ok(()),
        }
    }

    /// Returns the coefficients of each iteration, and the factor of the norm that the matrix is divided by.
    pub(crate) fn iterations(&self, count: Option<usize>) -> (Vec<Iteration>, f64) {
        let repeated = |first: Vec<Iteration>, default: usize| -> Vec<Iteration> {
            let last = first.last().copied().unwrap_or(QUINTIC);
            first.into_iter().chain(std::iter::repeat(last)).take(count.unwrap_or(default)).collect()
        };
        match self {
            Coefficients::Named(CoefficientSet::Quintic) => (repeated(vec![QUINTIC], ITERATIONS), 1.0),
            Coefficients::Named(CoefficientSet::Cubic12) => (repeated(vec![CUBIC], 12), 1.0),
            Coefficients::Named(CoefficientSet::PolarExpress) => {
                let (last, first) = POLAR_EXPRESS.split_last().expect("eight iterations");
                let safe = |[a, b, c]: &Iteration| [a / SAFETY, b / SAFETY.powi(3), c / SAFETY.powi(5)];
                (repeated(first.iter().map(safe).chain([*last]).collect(), ITERATIONS), SAFETY)
            }
            Coefficients::Own(own) => {
                let own: Vec<Iteration> = own.chunks_exact(3).map(|own| [own[0], own[1], own[2]]).collect();
                let default = own.len();
                (repeated(own, default), 1.0)
            }
        }
    }
}

/// How often rounding errors of small singular values may be multiplied before `A` is computed from `X`
/// again.
const MOST_GROWTH: f64 = 150.0;

/// The lower bound of the norm that a matrix is divided by.
pub(crate) const LEAST_NORM: f64 = 1e-7;

/// Divides a matrix by its Frobenius norm, at least [`LEAST_NORM`], times `norm_factor`, and makes an
/// iteration with each of the coefficients.
pub(crate) fn orthogonalized(matrix: Tensor<2>, coefficients: &[Iteration], norm_factor: f64) -> Tensor<2> {
    if is_on_host(&matrix) {
        let (shape, device, dtype) = (matrix.dims(), matrix.device(), matrix.dtype());
        return tensor(on_slices(values(matrix), shape, coefficients, norm_factor), shape, &device, dtype);
    }
    let [rows, columns] = matrix.dims();
    if rows > columns {
        return orthogonalized(matrix.transpose(), coefficients, norm_factor).transpose();
    }
    let norm = matrix.clone().square().sum().sqrt().clamp_min(LEAST_NORM) * norm_factor;
    let mut x = matrix / norm.unsqueeze();
    for &[a, b, c] in coefficients {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    x
}

/// Does the same with `steps` iterations of Muon's authors.
pub(crate) fn quintic(matrix: Tensor<2>, steps: usize) -> Tensor<2> {
    orthogonalized(matrix, &vec![QUINTIC; steps], 1.0)
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

/// Does the same as [`orthogonalized`] with the elements of a matrix, row-major.
pub(crate) fn on_slices(
    mut x: Vec<f32>,
    [rows, columns]: [usize; 2],
    coefficients: &[Iteration],
    norm_factor: f64,
) -> Vec<f32> {
    let squares: Vec<f64> =
        x.par_chunks(PIECE).map(|piece| piece.iter().map(|&x| f64::from(x) * f64::from(x)).sum()).collect();
    let factor = (1.0 / (norm_factor * squares.iter().sum::<f64>().sqrt().max(LEAST_NORM))) as f32;
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
fn together(coefficients: &[Iteration]) -> usize {
    let mut growth = 1.0;
    let grows_too_much = |&[a, _, _]: &Iteration| {
        let before = growth;
        growth *= a * a;
        before > MOST_GROWTH
    };
    coefficients.iter().position(grows_too_much).unwrap_or(coefficients.len()).max(1)
}

/// Returns the product of the polynomials of several iterations, from the first `A`.
fn polynomial(mut gram: Matrix<f32>, coefficients: &[Iteration]) -> Matrix<f32> {
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
            let (before, after) = (read(matrix.clone()), read(orthogonalized(matrix, &[QUINTIC; 5], 1.0)));
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
    fn a_matrix_of_any_coefficients_converges_where_they_do() {
        let matrix = Tensor::<2>::from_floats([[3.0, 1.0, 0.5], [0.2, 1.0, 2.0]], &Device::default());
        for (text, count, least, most) in [
            ("\"quintic\"", None, 0.65, 1.25),
            ("\"polar_express\"", None, 0.8, 1.2),
            ("\"polar_express\"", Some(9), 0.9999, 1.0001),
            ("\"cubic_12\"", None, 0.9999, 1.0001),
            ("[2.0, -1.5, 0.5]", Some(12), 0.9999, 1.0001),
        ] {
            let coefficients: Coefficients = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&coefficients).unwrap(), text.replace(", ", ","));
            let (iterations, factor) = coefficients.iterations(count);
            for value in singular_values(&read(orthogonalized(matrix.clone(), &iterations, factor))) {
                assert!((least..most).contains(&value), "{text}: {value}");
            }
        }
        for own in [vec![], vec![1.0, 2.0], vec![1.0, 2.0, f64::NAN], vec![1.0; 4]] {
            let error = Coefficients::Own(own).check("muon").unwrap_err().to_string();
            assert!(
                error.contains("`coefficients` must be three finite numbers for each iteration"),
                "{error}"
            );
        }
        // Own coefficients are all made once, and the last ones again if there are more iterations.
        let own = Coefficients::Own(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(own.iterations(None).0, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(own.iterations(Some(3)).0[2], [4.0, 5.0, 6.0]);
        assert_eq!(own.iterations(Some(1)).0, [[1.0, 2.0, 3.0]]);
    }

    #[test]
    fn iterations_made_together_give_the_numbers_of_separate_ones() {
        let device = Device::default();
        for (rows, columns) in [(3, 40), (40, 3), (70, 200), (7, 7), (1, 1), (1, 9)] {
            // Singular values from 1 down to 1e-4 of the norm.
            let of = |i: usize, j: usize| {
                let (i, j) = if rows <= columns { (i, j) } else { (j, i) };
                ((i * i + 3 * j + i * j) as f64 * 0.7).sin()
                    * (-9.0 * i as f64 / rows.min(columns) as f64).exp()
            };
            let numbers: Vec<f64> =
                (0..rows * columns).map(|place| of(place / columns, place % columns)).collect();
            for coefficients in [
                [QUINTIC; 5].to_vec(),
                vec![[8.3, -23.6, 17.3], [4.1, -2.9, 0.5], QUINTIC],
                vec![[2.0, -1.5, 0.5]; 12],
            ] {
                let given = on_slices(
                    numbers.iter().map(|&x| x as f32).collect(),
                    [rows, columns],
                    &coefficients,
                    1.0,
                );
                let data = TensorData::new(numbers.clone(), [rows, columns]);
                let tensor = Tensor::<2>::from_data(data, (&device, DType::F64));
                let expected = read(orthogonalized(tensor, &coefficients, 1.0));
                for (given, expected) in given.iter().zip(expected.values()) {
                    assert!(
                        (f64::from(*given) - expected).abs() < 1e-4,
                        "{rows} × {columns}: {given}, not {expected}"
                    );
                }
            }
        }
    }
}
