//! The allowed ranges of settings. No range contains NaN.
//!
//! ```
//! use optlab_core::range::{self, BELOW_ONE};
//!
//! let error = range::check("my_rule", [("beta", 1.5, BELOW_ONE)]).unwrap_err();
//! assert_eq!(error.to_string(), "my_rule: `beta` must be in [0, 1), not 1.5");
//! ```

use crate::error::Error;
use std::fmt;

/// An interval of numbers, displayed as in the documentation: `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    lowest: f64,
    with_lowest: bool,
    highest: f64,
    with_highest: bool,
    /// Whether the range is of whole numbers, which their type ensures.
    is_count: bool,
}

/// `[0, 1)`: a decay or a momentum.
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
/// `(−∞, ∞)`: any number except infinities and NaN.
pub const FINITE: Range = Range::new(f64::NEG_INFINITY, false, f64::INFINITY, false);
/// `[1, ∞)`: a whole number of at least 1.
pub const COUNT: Range = Range { is_count: true, ..Range::new(1.0, true, f64::INFINITY, false) };

/// `[1, 1000]`: a whole number of repetitions within a step.
pub const ITERATIONS: Range = Range { is_count: true, ..Range::new(1.0, true, 1000.0, true) };

/// The largest seed, and the largest whole number of any kind: TOML holds no larger one, so a plan with it
/// could not be read again.
pub const LARGEST_WHOLE: u64 = i64::MAX as u64;

/// Checks a seed of `owner`.
///
/// # Errors
/// [`Error::InvalidConfig`] for a seed above [`LARGEST_WHOLE`].
pub fn check_seed(owner: &str, field: &str, seed: u64) -> Result<(), Error> {
    match seed > LARGEST_WHOLE {
        true => Err(Error::invalid(owner, field, &format!("at most {LARGEST_WHOLE}"), seed)),
        false => Ok(()),
    }
}

/// Returns the text of a named range, for documentation that is generated at compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! range_text {
    (BELOW_ONE) => {
        "`[0, 1)`"
    };
    (SHARE) => {
        "`[0, 1]`"
    };
    (NON_NEGATIVE) => {
        "`[0, ∞)`"
    };
    (POSITIVE) => {
        "`(0, ∞)`"
    };
    (POSITIVE_BELOW_ONE) => {
        "`(0, 1)`"
    };
    (ABOVE_ONE) => {
        "`(1, ∞)`"
    };
    (POSITIVE_UP_TO_ONE) => {
        "`(0, 1]`"
    };
    (NEGATIVE) => {
        "`(−∞, 0)`"
    };
    (FINITE) => {
        "`(−∞, ∞)`"
    };
    (COUNT) => {
        "1…"
    };
    (ITERATIONS) => {
        "`[1, 1000]`"
    };
}

impl Range {
    const fn new(lowest: f64, with_lowest: bool, highest: f64, with_highest: bool) -> Self {
        Range { lowest, with_lowest, highest, with_highest, is_count: false }
    }

    /// Returns `[0, highest]`.
    pub const fn up_to(highest: f64) -> Self {
        Range::new(0.0, true, highest, true)
    }

    /// Returns `[lowest, ∞)`.
    pub const fn starting_at(lowest: f64) -> Self {
        Range::new(lowest, true, f64::INFINITY, false)
    }

    /// Returns the allowed values as an error says them: `in [0, 1)`, `at least 1`.
    pub fn allowed(self) -> String {
        let has_no_end = self.is_count && self.highest.is_infinite();
        if has_no_end { format!("at least {}", self.lowest) } else { format!("in {self}") }
    }

    /// Returns the ends of the range, the lowest and the highest number, each with whether it belongs to the
    /// range.
    pub fn ends(self) -> [(f64, bool); 2] {
        [(self.lowest, self.with_lowest), (self.highest, self.with_highest)]
    }

    /// Returns whether the range is of whole numbers.
    pub fn is_whole(self) -> bool {
        self.is_count
    }

    /// Returns whether `value` is in the range.
    pub fn contains(self, value: f64) -> bool {
        // Both comparisons must hold, so NaN fails.
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

/// Checks that each `(field, value, range)` of `owner` is in its range.
///
/// # Errors
/// [`Error::InvalidConfig`] for the first field out of its range.
pub fn check<const N: usize>(owner: &str, fields: [(&str, f64, Range); N]) -> Result<(), Error> {
    for (field, value, range) in fields {
        if !range.contains(value) {
            return Err(Error::invalid(owner, field, &range.allowed(), value));
        }
    }
    Ok(())
}

/// Checks that each `(field, count)` of `owner` is at least 1.
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
    fn a_range_contains_its_end_only_if_the_bracket_is_square() {
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
    fn the_text_of_a_named_range_in_the_documentation_is_the_range() {
        assert_eq!(crate::range_text!(COUNT), "1…");
        for (range, text) in [
            (BELOW_ONE, crate::range_text!(BELOW_ONE)),
            (SHARE, crate::range_text!(SHARE)),
            (NON_NEGATIVE, crate::range_text!(NON_NEGATIVE)),
            (POSITIVE, crate::range_text!(POSITIVE)),
            (POSITIVE_BELOW_ONE, crate::range_text!(POSITIVE_BELOW_ONE)),
            (ABOVE_ONE, crate::range_text!(ABOVE_ONE)),
            (POSITIVE_UP_TO_ONE, crate::range_text!(POSITIVE_UP_TO_ONE)),
            (NEGATIVE, crate::range_text!(NEGATIVE)),
            (FINITE, crate::range_text!(FINITE)),
            (ITERATIONS, crate::range_text!(ITERATIONS)),
        ] {
            assert_eq!(format!("`{range}`"), text);
        }
    }

    #[test]
    fn a_seed_that_toml_cannot_hold_is_refused() {
        assert!(check_seed("trial", "seed", LARGEST_WHOLE).is_ok());
        let error = check_seed("trial", "seed", LARGEST_WHOLE + 1).unwrap_err().to_string();
        assert_eq!(error, "trial: `seed` must be at most 9223372036854775807, not 9223372036854775808");
    }

    #[test]
    fn an_error_names_owner_field_range_and_value() {
        let error = check("adamw", [("beta_1", 0.9, BELOW_ONE), ("beta_2", 1.5, BELOW_ONE)]).unwrap_err();
        assert_eq!(error.to_string(), "adamw: `beta_2` must be in [0, 1), not 1.5");
        let error = check_at_least_one("step", [("step_size", 0)]).unwrap_err();
        assert_eq!(error.to_string(), "step: `step_size` must be at least 1, not 0");
    }
}
