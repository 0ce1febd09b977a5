//! Weighted ridge regression in 64 bits.

use optlab_train::Error;

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearFit {
    /// A coefficient for each column.
    pub coefficients: Vec<f64>,
    /// The value at zero.
    pub intercept: f64,
    /// The weighted share of variance explained, R²; 0 if the targets do not vary.
    pub score: f64,
}

/// Fits targets to rows with weights and a penalty on the coefficients, not on the intercept:
///
/// ```text
/// minimize  Σ wᵢ (yᵢ − b − cᵀ xᵢ)² + α cᵀ c
/// ```
///
/// `rows` is row-major, with as many numbers per row as there are columns: `rows.len() / targets.len()`.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) if the columns determine no coefficients, as with `alpha` 0 and fewer
/// rows than columns.
///
/// # Panics
/// If there are not as many weights as targets, or no whole number of columns.
///
/// # Reference
/// scikit-learn's `Ridge` with `sample_weight`, which `lime` uses with `alpha = 1`
pub fn weighted_ridge(
    rows: &[f64],
    weights: &[f64],
    targets: &[f64],
    alpha: f64,
) -> Result<LinearFit, Error> {
    assert_eq!(weights.len(), targets.len(), "a weight for each row");
    assert_eq!(rows.len() % targets.len().max(1), 0, "rows of the same length");
    let width = rows.len() / targets.len().max(1);
    let total: f64 = weights.iter().sum();
    let mut centre = vec![0.0; width];
    for (row, weight) in rows.chunks(width).zip(weights) {
        centre.iter_mut().zip(row).for_each(|(centre, value)| *centre += weight * value / total);
    }
    let middle = weights.iter().zip(targets).map(|(weight, target)| weight * target).sum::<f64>() / total;
    let mut matrix = vec![0.0; width * width];
    let mut right = vec![0.0; width];
    let mut centred = vec![0.0; width];
    for ((row, weight), target) in rows.chunks(width).zip(weights).zip(targets) {
        for i in 0..width {
            centred[i] = row[i] - centre[i];
        }
        for i in 0..width {
            let scaled = weight * centred[i];
            right[i] += scaled * (target - middle);
            for j in 0..=i {
                matrix[i * width + j] += scaled * centred[j];
            }
        }
    }
    (0..width).for_each(|i| matrix[i * width + i] += alpha);
    let coefficients = solve(matrix, right)?;
    let dot = |row: &[f64]| row.iter().zip(&coefficients).map(|(x, c)| x * c).sum::<f64>();
    let intercept = middle - dot(&centre);
    let (mut of_errors, mut of_targets) = (0.0, 0.0);
    for ((row, weight), target) in rows.chunks(width).zip(weights).zip(targets) {
        of_errors += weight * (target - intercept - dot(row)).powi(2);
        of_targets += weight * (target - middle).powi(2);
    }
    let score = if of_targets > 0.0 { 1.0 - of_errors / of_targets } else { 0.0 };
    Ok(LinearFit { coefficients, intercept, score })
}

/// Solves `A x = b` for a symmetric positive definite matrix, of which the lower half is given, by Cholesky's
/// decomposition.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for a matrix that is singular in 64 bits.
pub(crate) fn solve(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Result<Vec<f64>, Error> {
    let n = right.len();
    let largest = (0..n).map(|i| matrix[i * n + i]).fold(0.0, f64::max);
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            if i != j {
                matrix[i * n + j] = rest / matrix[j * n + j];
            } else if rest > 1e-12 * largest {
                matrix[i * n + i] = rest.sqrt();
            } else {
                return Err(Error::usage("too few samples: they leave the attributions of some parts open"));
            }
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| matrix[i * n + k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| matrix[k * n + i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i * n + i];
    }
    Ok(right)
}
