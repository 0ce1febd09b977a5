//! Tests of several hypotheses at once.

use crate::Error;
use optlab_core::range::{self, POSITIVE_BELOW_ONE, SHARE};
use serde::Serialize;

/// A p-value's result within its family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Held {
    /// The smallest `alpha` for the whole family at which this hypothesis is rejected.
    pub adjusted_p: f64,
    /// The largest p-value that is rejected at this step: `alpha / (m − k + 1)` for the `k`-th smallest of
    /// `m`.
    pub step_alpha: f64,
    /// Whether its p-value and all smaller ones are at most their `step_alpha`.
    pub rejected: bool,
}

/// Tests a family of p-values at `alpha` in `(0, 1)`: whichever of the hypotheses are true and however the
/// p-values depend on each other, the probability that any true one is rejected is at most `alpha`. Returns
/// the results in the order given.
///
/// ```text
/// p₍₁₎ ≤ … ≤ p₍ₘ₎        p₍ₖ₎ is rejected if p₍ⱼ₎ ≤ alpha / (m − j + 1) for all j ≤ k
/// adjusted p₍ₖ₎ = max over j ≤ k of min(1, (m − j + 1) p₍ⱼ₎)
/// ```
///
/// Equal p-values keep their order.
///
/// # Errors
/// [`Error::InvalidConfig`] for an `alpha` outside `(0, 1)` or a p-value outside `[0, 1]`.
///
/// # Reference
/// Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6,
/// 1979.
pub fn held(p_values: &[f64], alpha: f64) -> Result<Vec<Held>, Error> {
    range::check("comparison", [("alpha", alpha, POSITIVE_BELOW_ONE)])?;
    for &p_value in p_values {
        range::check("comparison", [("p_value", p_value, SHARE)])?;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut all = vec![Held { adjusted_p: 0.0, step_alpha: 0.0, rejected: true }; order.len()];
    let (mut adjusted_p, mut rejected) = (0.0_f64, true);
    for (k, place) in order.into_iter().enumerate() {
        let left = (p_values.len() - k) as f64;
        let step_alpha = alpha / left;
        adjusted_p = adjusted_p.max(left * p_values[place]).min(1.0);
        rejected &= p_values[place] <= step_alpha;
        all[place] = Held { adjusted_p, step_alpha, rejected };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_p_values_match_statsmodels() {
        // statsmodels.stats.multitest.multipletests(p_values, 0.05, method='holm')[:2]
        for (p_values, rejected, adjusted) in [
            (
                &[0.03, 0.004, 0.04, 0.011][..],
                &[false, true, false, true][..],
                &[0.06, 0.016, 0.06, 0.033][..],
            ),
            (
                &[0.01, 0.04, 0.03, 0.005, 0.2, 0.9][..],
                &[true, false, false, true, false, false][..],
                &[0.05, 0.12, 0.12, 0.03, 0.4, 0.9][..],
            ),
            (&[0.9, 0.7, 0.8][..], &[false, false, false][..], &[1.0, 1.0, 1.0][..]),
            (&[0.5, 0.6][..], &[false, false][..], &[1.0, 1.0][..]),
            (&[0.001][..], &[true][..], &[0.001][..]),
            (
                &[0.012, 0.013, 0.014, 0.2][..],
                &[true, true, true, false][..],
                &[0.048, 0.048, 0.048, 0.2][..],
            ),
        ] {
            let held = held(p_values, 0.05).unwrap();
            assert_eq!(held.iter().map(|held| held.rejected).collect::<Vec<_>>(), rejected);
            for (held, adjusted) in held.iter().zip(adjusted) {
                assert!((held.adjusted_p - adjusted).abs() < 1e-15, "{held:?} {adjusted}");
            }
        }
        assert!(held(&[], 0.05).unwrap().is_empty());
    }

    #[test]
    fn each_hypothesis_has_its_own_level_and_none_is_rejected_after_the_first_that_is_not() {
        // In order 0.004, 0.011, 0.03, 0.04, with the levels 0.05 / 4, / 3, / 2 and / 1. The third is not
        // rejected.
        let held = held(&[0.03, 0.004, 0.04, 0.011], 0.05).unwrap();
        let steps: Vec<f64> = held.iter().map(|held| held.step_alpha).collect();
        let rejected: Vec<bool> = held.iter().map(|held| held.rejected).collect();
        assert_eq!(steps, [0.025, 0.0125, 0.05, 0.05 / 3.0]);
        assert_eq!(rejected, [false, true, false, true]);
    }

    #[test]
    fn equal_p_values_keep_their_order() {
        let held = held(&[0.02, 0.01, 0.02, 0.02], 0.08).unwrap();
        let steps: Vec<f64> = held.iter().map(|held| held.step_alpha).collect();
        assert_eq!(steps, [0.08 / 3.0, 0.02, 0.04, 0.08]);
        assert!(held.iter().all(|held| held.rejected));
    }

    #[test]
    fn alpha_and_p_values_outside_their_ranges_are_refused() {
        for outside in [0.0, 1.0, f64::NAN] {
            assert!(held(&[0.5], outside).unwrap_err().to_string().contains("`alpha` must be in (0, 1)"));
        }
        for outside in [-1e-9, 1.0 + 1e-9, f64::NAN] {
            assert!(
                held(&[0.5, outside], 0.05).unwrap_err().to_string().contains("`p_value` must be in [0, 1]")
            );
        }
        assert!(held(&[0.0, 1.0], 0.05).is_ok());
    }
}
