//! The noise of a batch's gradient.

use crate::diagnosis::flat::dot;
use crate::diagnosis::record::{GradientRecord, finite};

/// Number of parts of a batch whose gradients are compared.
pub(super) const PARTS: usize = 4;

/// Estimates signal and noise from the gradients of the parts of a batch, with their numbers of examples.
///
/// Each part of `n` examples has `E‖g‖² = |G|² + tr Σ / n`, the whole batch of `B` has `|G|² + tr Σ / B`; the
/// two equations give both numbers (McCandlish et al., 2018, appendix A.1). `None` for fewer than two parts.
pub(super) fn record(parts: &[(Vec<f32>, usize)]) -> Option<GradientRecord> {
    let (first, _) = parts.first().filter(|_| parts.len() > 1)?;
    let examples: usize = parts.iter().map(|(_, len)| len).sum();
    let mut mean = vec![0.0f32; first.len()];
    for (gradient, len) in parts {
        let share = *len as f32 / examples as f32;
        mean.iter_mut().zip(gradient).for_each(|(mean, gradient)| *mean += share * gradient);
    }
    let count = parts.len() as f64;
    let of_part = parts.iter().map(|(gradient, _)| dot(gradient, gradient)).sum::<f64>() / count;
    let of_batch = dot(&mean, &mean);
    let inverse = parts.iter().map(|(_, len)| 1.0 / *len as f64).sum::<f64>() / count;
    let examples = examples as f64;
    let variance = (of_part - of_batch) / (inverse - 1.0 / examples);
    let squared_norm = of_batch - variance / examples;
    let is_known = squared_norm > 0.0;
    Some(GradientRecord {
        squared_norm: finite(squared_norm),
        variance: finite(variance),
        noise_scale: finite(variance / squared_norm).filter(|_| is_known),
        snr: finite(squared_norm * examples / variance).filter(|_| is_known),
        alpha: None,
    })
}

/// Returns the length of the step `direction` on the parabola through the slopes at both ends, of the loss of
/// the same batch: see [`GradientRecord::alpha`].
///
/// With slopes `s₀` and `s₁` along the step, the parabola's minimum is after the share `s₀ / (s₀ − s₁)` of
/// the step, and `α = −s₁ / s₀`. Cockpit fits the parabola to losses and slopes of two batches, weighted by
/// their noise; on one batch the slopes alone determine it.
pub(super) fn alpha(before: &[f32], after: &[f32], direction: &[f32]) -> Option<f64> {
    let [start, end] = [before, after].map(|gradient| dot(gradient, direction));
    finite(-end / start).filter(|_| start < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use optlab_core::random::{Purpose, stream};
    use rand::Rng;

    /// Returns a number of mean 0 and variance 1, by the sum of 12 uniform ones.
    fn normal(random: &mut impl Rng) -> f64 {
        (0..12).map(|_| random.next_u32() as f64 / 2f64.powi(32)).sum::<f64>() - 6.0
    }

    #[test]
    fn signal_and_noise_of_drawn_gradients_are_found() {
        // One example's gradient is (3, 4) + noise of variance 9 in each of 2 directions: |G|² = 25, tr Σ =
        // 18.
        let mut random = stream(7, Purpose::Order, 0);
        let mut sums = [0.0, 0.0];
        let repeats = 4000;
        for _ in 0..repeats {
            let parts: Vec<(Vec<f32>, usize)> = [5, 3, 8]
                .map(|len: usize| {
                    let deviation = 3.0 / (len as f64).sqrt();
                    let gradient = [3.0, 4.0].map(|mean| (mean + deviation * normal(&mut random)) as f32);
                    (gradient.to_vec(), len)
                })
                .into();
            let record = record(&parts).unwrap();
            sums[0] += record.squared_norm.unwrap() / repeats as f64;
            sums[1] += record.variance.unwrap() / repeats as f64;
        }
        assert!((sums[0] - 25.0).abs() < 0.5, "{sums:?}");
        assert!((sums[1] - 18.0).abs() < 0.9, "{sums:?}");
    }

    #[test]
    fn two_equal_parts_give_the_numbers_of_a_calculation_by_hand() {
        // Gradients 1 and 3 of 2 examples each: mean 2, of_part 5, of_batch 4; tr Σ = 1 / (1/2 − 1/4) = 4.
        let record = record(&[(vec![1.0], 2), (vec![3.0], 2)]).unwrap();
        assert_eq!((record.variance, record.squared_norm), (Some(4.0), Some(3.0)));
        assert_eq!((record.noise_scale, record.snr), (Some(4.0 / 3.0), Some(3.0)));
        assert_eq!(super::record(&[(vec![1.0], 2)]), None);
        // Opposite gradients: no signal.
        let none = super::record(&[(vec![1.0], 2), (vec![-1.0], 2)]).unwrap();
        assert_eq!(none.noise_scale, None);
    }

    #[test]
    fn alpha_is_0_at_the_minimum_of_a_parabola_and_1_on_its_other_side() {
        // L = x² from x = 1, whose gradient is 2 x.
        let alpha = |to: f32| alpha(&[2.0], &[2.0 * to], &[to - 1.0]);
        assert_eq!([1e-3, 0.0, -1.0, -3.0].map(|to| alpha(to).unwrap().round() as i32), [0, 0, 1, 3]);
        assert_eq!(alpha(0.0), Some(0.0));
        assert_eq!(alpha(-1.0), Some(1.0));
        assert_eq!(alpha(0.5), Some(-0.5));
        assert_eq!(alpha(2.0), None, "a step uphill");
    }
}
