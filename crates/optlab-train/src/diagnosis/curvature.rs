//! The curvature of the loss at a model: the Hessian's largest eigenvalue and its trace.
//!
//! Burn has no second derivatives. A product of the Hessian with a direction is the difference of two
//! gradients, `H v ≈ (∇L(θ + h v) − ∇L(θ − h v)) / 2h`; it is exact for quadratic losses, and its error is of
//! the order `h²` for others.

use crate::diagnosis::flat::dot;
use crate::diagnosis::record::{CurvatureRecord, finite};
use optlab_core::random::{Purpose, stream};
use rand::Rng;

/// The length by which the parameters move for a difference, as a share of their norm, or of 1 if that is
/// larger.
const MOVE: f64 = 1e-3;

/// The most iterations for the eigenvalue.
const MOST_ITERATIONS: u64 = 20;

/// The relative change of the eigenvalue below which the iteration ends.
const TOLERANCE: f64 = 1e-3;

/// Number of random directions for the trace.
const DIRECTIONS: u64 = 8;

/// Measures the curvature. `gradient_at` returns the gradient after moving all parameters by a factor times a
/// direction; `norm` is the norm of the parameters, `len` their number.
///
/// The eigenvalue is found by power iteration, the trace by Hutchinson's estimate, the mean of `vᵀ H v` over
/// directions of ±1, which is exact for a diagonal Hessian. The directions depend on `seed` and `step`.
pub(super) fn record(
    mut gradient_at: impl FnMut(&[f32], f32) -> Vec<f32>,
    norm: f64,
    len: usize,
    seed: u64,
    step: u64,
) -> CurvatureRecord {
    let mut times_hessian = |direction: &[f32]| -> Vec<f32> {
        let length = dot(direction, direction).sqrt();
        let h = (MOVE * norm.max(1.0) / length) as f32;
        let (ahead, behind) = (gradient_at(direction, h), gradient_at(direction, -h));
        ahead.iter().zip(&behind).map(|(ahead, behind)| (ahead - behind) / (2.0 * h)).collect()
    };
    let signs = |number: u64| -> Vec<f32> {
        let mut random = stream(seed, Purpose::Curvature, step.wrapping_mul(DIRECTIONS) + number);
        let mut bits = (0u64, 0);
        let sign = |_| {
            if bits.1 == 0 {
                bits = (random.next_u64(), 64);
            }
            let is_one = bits.0 & 1 == 1;
            bits = (bits.0 >> 1, bits.1 - 1);
            if is_one { 1.0 } else { -1.0 }
        };
        (0..len).map(sign).collect()
    };
    let mut direction = signs(0);
    let mut first = Vec::new();
    let mut largest = f64::NAN;
    for iteration in 0..MOST_ITERATIONS {
        let product = times_hessian(&direction);
        let estimate = dot(&direction, &product) / dot(&direction, &direction);
        let length = dot(&product, &product).sqrt();
        if iteration == 0 {
            first.push(dot(&direction, &product));
        }
        let has_settled = (estimate - largest).abs() <= TOLERANCE * estimate.abs();
        largest = estimate;
        if has_settled || !(length.is_finite() && length > 0.0) {
            break;
        }
        direction = product.iter().map(|value| (f64::from(*value) / length) as f32).collect();
    }
    let others = (1..DIRECTIONS).map(|number| {
        let direction = signs(number);
        dot(&direction, &times_hessian(&direction))
    });
    let trace = first.into_iter().chain(others).sum::<f64>() / DIRECTIONS as f64;
    CurvatureRecord { largest: finite(largest), trace: finite(trace) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measures `L = ½ θᵀ A θ`, whose gradient is `A θ`, at θ = (1, 2, 3).
    fn of(matrix: [[f64; 3]; 3]) -> CurvatureRecord {
        let at = [1.0, 2.0, 3.0];
        let gradient_at = |direction: &[f32], factor: f32| {
            let moved: Vec<f64> =
                at.iter().zip(direction).map(|(at, by)| at + f64::from(factor) * f64::from(*by)).collect();
            let row = |row: &[f64; 3]| row.iter().zip(&moved).map(|(a, b)| a * b).sum::<f64>() as f32;
            matrix.iter().map(row).collect()
        };
        record(gradient_at, 14f64.sqrt(), 3, 1, 5)
    }

    #[test]
    fn eigenvalue_and_trace_of_quadratic_losses_are_exact_to_a_percent() {
        let close = |given: Option<f64>, exact: f64| {
            let given = given.unwrap();
            assert!((given - exact).abs() <= 0.01 * exact.abs(), "{given} for {exact}");
        };
        let diagonal = of([[10.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.5]]);
        close(diagonal.largest, 10.0);
        close(diagonal.trace, 12.5);
        // The eigenvalue that is largest in size is negative: −8.
        close(of([[-8.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1.0]]).largest, -8.0);
        // Eigenvalues 3 + √2, 3 and 3 − √2.
        let coupled = of([[3.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 3.0]]);
        close(coupled.largest, 3.0 + 2f64.sqrt());
    }

    #[test]
    fn a_flat_loss_has_no_curvature() {
        assert_eq!(of([[0.0; 3]; 3]), CurvatureRecord { largest: Some(0.0), trace: Some(0.0) });
    }
}
