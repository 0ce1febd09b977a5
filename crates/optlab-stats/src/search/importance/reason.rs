//! Reasons why no importance is computed.

use crate::search::importance::{FEWEST_GOOD, FEWEST_TRIALS};
use std::fmt;

/// The reason for which a search has no importance. Its text is a sentence without a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoImportance {
    /// There are fewer trials than [`FEWEST_TRIALS`].
    TooFewTrials {
        /// The number of trials.
        trials: usize,
    },
    /// Too few trials have a value for a tenth of them, and at least 5, to be good.
    TooFewValues {
        /// The number of trials.
        trials: usize,
        /// The number of trials with a value.
        with_value: usize,
    },
    /// All trials have the same value, so none is better than another.
    EqualValues,
    /// Every setting had the same value in all trials.
    NoSettingVaried,
}

impl fmt::Display for NoImportance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoImportance::TooFewTrials { trials } => {
                write!(f, "importance needs at least {FEWEST_TRIALS} trials, and there {}", are(*trials))
            }
            NoImportance::TooFewValues { trials, with_value } => {
                let fewest = trials.div_ceil(10).max(FEWEST_GOOD);
                let are = are(*with_value);
                write!(f, "importance needs at least {fewest} trials with a value, and there {are}")
            }
            NoImportance::EqualValues => {
                f.write_str("no setting has an importance, because all trials have the same value")
            }
            NoImportance::NoSettingVaried => {
                f.write_str("no setting has an importance, because all trials have the same settings")
            }
        }
    }
}

impl std::error::Error for NoImportance {}

fn are(count: usize) -> String {
    match count {
        0 => "are none".into(),
        1 => "is 1".into(),
        _ => format!("are {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_a_sentence_with_its_numbers() {
        for (reason, said) in [
            (
                NoImportance::TooFewTrials { trials: 12 },
                "importance needs at least 20 trials, and there are 12",
            ),
            (
                NoImportance::TooFewValues { trials: 30, with_value: 1 },
                "importance needs at least 5 trials with a value, and there is 1",
            ),
            (
                NoImportance::TooFewValues { trials: 201, with_value: 0 },
                "importance needs at least 21 trials with a value, and there are none",
            ),
        ] {
            assert_eq!(reason.to_string(), said);
        }
        assert!(NoImportance::EqualValues.to_string().ends_with("all trials have the same value"));
        assert!(NoImportance::NoSettingVaried.to_string().ends_with("all trials have the same settings"));
    }
}
