//! How far a number may be from its reference. Errors are shares of this tolerance: more than 1 fails, as
//! does NaN.

/// Returns how far an element may be from `expected`; `displacement` is the largest in the file for its
/// parameter: `2e-6 max(1, |expected|) + 1e-4 displacement`. Arithmetic in 32 bits stays well inside.
pub(super) fn of_element(expected: f64, displacement: f64) -> f64 {
    2e-6 * expected.abs().max(1.0) + 1e-4 * displacement
}

/// Returns how far a rate may be from `expected`: `1e-6 |expected| + 1e-9 + rounding`, where `rounding` is
/// the reference's.
pub(super) fn of_rate(expected: f64, rounding: f64) -> f64 {
    1e-6 * expected.abs() + 1e-9 + rounding
}

/// Returns an error as a share of its tolerance.
pub(super) fn share(value: f64, expected: f64, tolerance: f64) -> f64 {
    (value - expected).abs() / tolerance
}

/// Returns whether an error, as a share of its tolerance, is small enough.
pub(super) fn passes(share: f64) -> bool {
    // Written so that NaN fails.
    share <= 1.0
}

/// The largest error of a run, and where it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deviation {
    /// The error as a share of its tolerance; NaN if the rule gives NaN.
    pub share: f64,
    /// The number of steps that a rule has made, or the step of a schedule, counted from 0.
    pub step: usize,
    /// The parameter; `None` for a schedule.
    pub parameter: Option<String>,
}

impl Deviation {
    /// Replaces the error by another one, if that is larger. NaN is larger than all numbers.
    pub(super) fn include(&mut self, share: f64, step: usize, parameter: Option<&str>) {
        let is_larger = share > self.share || share.is_nan() && !self.share.is_nan();
        if is_larger {
            *self = Deviation { share, step, parameter: parameter.map(str::to_string) };
        }
    }

    /// Returns the place in words.
    pub fn place(&self) -> String {
        match &self.parameter {
            Some(parameter) => format!("in {parameter} after step {}", self.step),
            None => format!("at step {}", self.step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_tolerance_passes_and_the_next_larger_one_fails() {
        // Around 0 the error of a value is the value, to the last bit.
        for tolerance in [of_element(0.0, 0.3), of_element(0.0, 0.0), of_rate(0.0, 0.0), of_rate(0.0, 6e-9)] {
            for sign in [1.0, -1.0] {
                assert!(passes(share(sign * tolerance, 0.0, tolerance)));
                assert!(!passes(share(sign * tolerance.next_up(), 0.0, tolerance)));
            }
        }
    }

    #[test]
    fn nan_and_infinity_fail_wherever_they_occur() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!passes(share(value, 0.5, of_element(0.5, 1.0))));
        }
        let largest = |list: [f64; 3]| {
            let mut largest = Deviation::default();
            for (step, share) in list.into_iter().enumerate() {
                largest.include(share, step, None);
            }
            (largest.share, largest.step)
        };
        for place in 0..3 {
            let mut list = [0.1, f64::INFINITY, 0.2];
            list[place] = f64::NAN;
            let (share, step) = largest(list);
            assert!(share.is_nan() && step == place);
        }
        assert_eq!(largest([0.1, 0.3, 0.3]), (0.3, 1));
    }

    #[test]
    fn tolerances_match_the_readme_of_the_references() {
        let equal = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
        // Below 1 the first part does not shrink; above, it grows with either sign.
        assert!(equal(of_element(0.25, 0.0), 2e-6) && equal(of_element(-3.0, 0.0), 6e-6));
        assert!(equal(of_element(-3.0, 0.5), 6e-6 + 5e-5));
        assert!(equal(of_rate(0.5, 0.0), 5e-7 + 1e-9) && equal(of_rate(0.5, 3e-8), 5e-7 + 3.1e-8));
    }
}
