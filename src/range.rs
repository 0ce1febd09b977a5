//! The ranges that settings are held to. NaN is in none of them.
//!
//! ```
//! use optlab::range::{self, BELOW_ONE};
//!
//! let error = range::check("my_rule", [("beta", 1.5, BELOW_ONE)]).unwrap_err();
//! assert_eq!(error.to_string(), "my_rule: `beta` must be in [0, 1), not 1.5");
//! ```

use crate::error::Error;
use std::fmt;

/// An interval of numbers, shown as it is written in the documentation: `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    lowest: f64,
    with_lowest: bool,
    highest: f64,
    with_highest: bool,
}

/// `[0, 1)`: a decay, or a momentum.
pub const BELOW_ONE: Range = Range::new(0.0, true, 1.0, false);
/// `[0, 1]`: a share.
pub const SHARE: Range = Range::new(0.0, true, 1.0, true);
/// `[0, ∞)`.
pub const NON_NEGATIVE: Range = Range::new(0.0, true, f64::INFINITY, false);
/// `(0, ∞)`.
pub const POSITIVE: Range = Range::new(0.0, false, f64::INFINITY, false);
/// `(0, 1)`.
pub const POSITIVE_BELOW_ONE: Range = Range::new(0.0, false, 1.0, false);
/// `(1, ∞)`.
pub const ABOVE_ONE: Range = Range::new(1.0, false, f64::INFINITY, false);
/// `(0, 1]`.
pub const POSITIVE_UP_TO_ONE: Range = Range::new(0.0, false, 1.0, true);
/// `(−∞, 0)`.
pub const NEGATIVE: Range = Range::new(f64::NEG_INFINITY, false, 0.0, false);
/// `(−∞, ∞)`: any number but an infinity or NaN.
pub const FINITE: Range = Range::new(f64::NEG_INFINITY, false, f64::INFINITY, false);

impl Range {
    const fn new(lowest: f64, with_lowest: bool, highest: f64, with_highest: bool) -> Self {
        Range { lowest, with_lowest, highest, with_highest }
    }

    /// `[0, highest]`.
    pub const fn up_to(highest: f64) -> Self {
        Range::new(0.0, true, highest, true)
    }

    /// `[lowest, ∞)`.
    pub const fn starting_at(lowest: f64) -> Self {
        Range::new(lowest, true, f64::INFINITY, false)
    }

    fn contains(self, value: f64) -> bool {
        // Two comparisons that must hold, so that NaN fails.
        (value > self.lowest || self.with_lowest && value == self.lowest)
            && (value < self.highest || self.with_highest && value == self.highest)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |value: f64| match value {
            f64::INFINITY => "∞".into(),
            f64::NEG_INFINITY => "−∞".into(),
            value => value.to_string(),
        };
        write!(
            f,
            "{}{}, {}{}",
            if self.with_lowest { '[' } else { '(' },
            end(self.lowest),
            end(self.highest),
            if self.with_highest { ']' } else { ')' }
        )
    }
}

/// Holds each `(field, value, range)` of `owner` to its range.
///
/// # Errors
/// [`Error::InvalidConfig`] for the first field out of its range.
pub fn check<const N: usize>(owner: &str, fields: [(&str, f64, Range); N]) -> Result<(), Error> {
    for (field, value, range) in fields {
        if !range.contains(value) {
            return Err(Error::invalid(owner, field, &format!("in {range}"), value));
        }
    }
    Ok(())
}

/// Holds each `(field, count)` of `owner` to at least 1.
///
/// # Errors
/// [`Error::InvalidConfig`] for the first that is 0.
pub fn check_at_least_one<const N: usize>(owner: &str, counts: [(&str, usize); N]) -> Result<(), Error> {
    for (field, count) in counts {
        if count == 0 {
            return Err(Error::invalid(owner, field, "at least 1", count));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_in_the_range_only_where_its_bracket_says_so() {
        for (range, text, inside, outside) in [
            (BELOW_ONE, "[0, 1)", [0.0, 0.5], [1.0, -1e-300]),
            (SHARE, "[0, 1]", [0.0, 1.0], [1.0 + 1e-15, -1e-300]),
            (NON_NEGATIVE, "[0, ∞)", [0.0, f64::MAX], [f64::INFINITY, -1e-300]),
            (POSITIVE, "(0, ∞)", [1e-300, f64::MAX], [f64::INFINITY, 0.0]),
            (POSITIVE_UP_TO_ONE, "(0, 1]", [1e-300, 1.0], [0.0, 1.1]),
            (POSITIVE_BELOW_ONE, "(0, 1)", [1e-300, 0.999], [0.0, 1.0]),
            (ABOVE_ONE, "(1, ∞)", [1.001, f64::MAX], [1.0, f64::INFINITY]),
            (NEGATIVE, "(−∞, 0)", [f64::MIN, -1e-300], [0.0, f64::NEG_INFINITY]),
            (FINITE, "(−∞, ∞)", [f64::MIN, f64::MAX], [f64::INFINITY, f64::NEG_INFINITY]),
            (Range::starting_at(0.1), "[0.1, ∞)", [0.1, f64::MAX], [0.09, f64::INFINITY]),
            (Range::up_to(0.1), "[0, 0.1]", [0.0, 0.1], [0.11, -0.1]),
        ] {
            assert_eq!(range.to_string(), text);
            assert!(inside.iter().all(|&value| range.contains(value)), "{text}");
            assert!(!outside.iter().any(|&value| range.contains(value)), "{text}");
            assert!(!range.contains(f64::NAN), "{text}");
        }
    }

    #[test]
    fn an_error_names_owner_field_range_and_value() {
        let error = check("adamw", [("beta_1", 0.9, BELOW_ONE), ("beta_2", 1.5, BELOW_ONE)]).unwrap_err();
        assert_eq!(error.to_string(), "adamw: `beta_2` must be in [0, 1), not 1.5");
        let error = check_at_least_one("step", [("step_size", 0)]).unwrap_err();
        assert_eq!(error.to_string(), "step: `step_size` must be at least 1, not 0");
    }
}
