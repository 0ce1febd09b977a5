//! The number of seeds that a difference needs.

use crate::statistics::normal::upper;
use crate::statistics::paired::least_seeds;
use optlab_core::range::{self, POSITIVE_BELOW_ONE};

/// The most seeds that are returned: more than anyone would run.
const MOST_SEEDS: f64 = 10_000.0;

/// Returns the number of seeds that rejects "no difference" at `alpha` with the probability `power`, both in
/// `(0, 1)`, if the differences are normal and their mean is `effect` times their standard deviation.
///
/// ```text
/// n ≥ ((z₁₋ₐ⸝₂ + z_power) / effect)² + z₁₋ₐ⸝₂² / 2 + 2^((least − n) / 2)
/// ```
///
/// where `a` is the largest p-value up to `alpha` that `n` differences can have, `⌊alpha 2ⁿ⁻¹⌋ / 2ⁿ⁻¹`, and
/// `least` is [`least_seeds`]. Returns `None` if the effect is 0, infinite or NaN, if more than 10,000 seeds
/// are needed, and if no number of seeds is enough for `alpha`.
///
/// The first two terms belong to the t test, which the test of [`Paired`](crate::statistics::paired::Paired)
/// approximates if the differences are normal; the last one was fitted to simulations near the least number
/// of seeds. The power is right within 5 points from 6 to 40 seeds and for `alpha` from 0.05 to 0.05 / 24
/// (`cargo test --release -p optlab-stats power_table -- --ignored --nocapture` prints it). For an observed
/// effect the number is a guide to planning, not evidence: an effect observed with few seeds is itself
/// uncertain, and an effect that was just not shown needs about twice the number of seeds (Hoenig & Heisey,
/// 2001).
///
/// # Reference
/// Guenther, *Sample size formulas for normal theory t tests*, The American Statistician 35, 1981.
pub fn seeds(effect: f64, alpha: f64, power: f64) -> Option<u64> {
    range::check("power", [("alpha", alpha, POSITIVE_BELOW_ONE), ("power", power, POSITIVE_BELOW_ONE)])
        .ok()?;
    let least = least_seeds(alpha)?;
    if !(effect.is_finite() && effect != 0.0) {
        return None;
    }
    let needed = |alpha: f64| {
        let two_sided = upper(alpha / 2.0);
        ((two_sided + upper(1.0 - power)) / effect).powi(2) + two_sided.powi(2) / 2.0
    };
    let at_alpha = needed(alpha);
    let first = (at_alpha.min(2.0 * MOST_SEEDS).ceil() as u64).max(least);
    let is_enough = |seeds: &u64| {
        let steps = (*seeds as f64 - 1.0).exp2();
        // With many seeds, the largest p-value is `alpha`.
        let needed = if *seeds > 40 { at_alpha } else { needed((alpha * steps).floor() / steps) };
        *seeds as f64 >= needed + ((least as f64 - *seeds as f64) / 2.0).exp2()
    };
    (first..=MOST_SEEDS as u64).find(is_enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_seeds_matches_the_t_test() {
        // statsmodels.stats.power.TTestPower().solve_power(effect, None, alpha, power), rounded up.
        for (effect, alpha, power, expected) in [
            (0.5, 0.05, 0.8, 34),
            (0.3, 0.05, 0.8, 90),
            (0.3, 0.05, 0.9, 119),
            (0.5, 0.01, 0.8, 51),
            // The t test needs 10: near the least number of seeds this test needs more.
            (1.0, 0.05, 0.8, 11),
            (0.15, 0.005, 0.8, 596),
            (0.8, 0.0025, 0.8, 28),
        ] {
            assert_eq!(seeds(effect, alpha, power), Some(expected), "{effect} {alpha} {power}");
            assert_eq!(seeds(-effect, alpha, power), Some(expected));
        }
    }

    #[test]
    fn a_large_effect_still_needs_the_least_number_of_seeds() {
        assert_eq!((seeds(100.0, 0.05, 0.8), seeds(100.0, 0.005, 0.8)), (Some(6), Some(9)));
    }

    #[test]
    fn there_is_no_number_of_seeds_for_no_effect_or_a_tiny_one() {
        // ((1.959964 + 0.841621) / 0.0280)² + 1.92 = 10,013; at 0.0281 it is 9,942.1.
        assert_eq!((seeds(0.028, 0.05, 0.8), seeds(0.0281, 0.05, 0.8)), (None, Some(9_943)));
        for effect in [0.0, f64::INFINITY, f64::NAN] {
            assert_eq!(seeds(effect, 0.05, 0.8), None);
        }
        for outside in [0.0, 1.0, f64::NAN] {
            assert_eq!((seeds(0.5, outside, 0.8), seeds(0.5, 0.05, outside)), (None, None));
        }
        assert_eq!(seeds(0.5, 1e-12, 0.8), None);
    }
}
