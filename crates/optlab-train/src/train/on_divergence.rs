//! What a run does when its loss is not finite.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The action of a run whose loss, or whose gradients for 100 steps in a row, are not finite.
///
/// | setting   | default | range     | meaning                                                     |
/// |:----------|--------:|:----------|:------------------------------------------------------------|
/// | `factor`  |   `0.5` | `(0, 1)`  | multiplies the learning rate at every return                |
/// | `retries` |     `3` | `1…1000`  | the number of returns, after which the run has diverged     |
///
/// # Example
/// ```
/// use optlab_train::train::OnDivergence;
///
/// let action: OnDivergence = "rollback:factor=0.1".parse()?;
/// assert_eq!(action, OnDivergence::Rollback { factor: 0.1, retries: 3 });
/// assert_eq!("stop".parse::<OnDivergence>()?, OnDivergence::Stop);
/// assert!("rollback:factor=2".parse::<OnDivergence>().is_err());
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OnDivergence {
    /// Ends as diverged.
    #[default]
    Stop,
    /// Returns to the last checkpoint whose parameters are finite, or to the start, with a smaller rate.
    Rollback {
        /// Multiplies the learning rate at every return.
        factor: f64,
        /// The number of returns.
        retries: u32,
    },
}

const ALLOWED: &str = "stop or rollback, with factor and retries as in rollback:factor=0.5,retries=3";

/// The largest number of returns; a larger number is taken for a typing error.
const MOST_RETRIES: u32 = 1000;

impl OnDivergence {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) naming the setting.
    pub fn validate(self) -> Result<(), Error> {
        let OnDivergence::Rollback { factor, retries } = self else { return Ok(()) };
        if !(factor > 0.0 && factor < 1.0) {
            return Err(Error::invalid("trial", "on_divergence.factor", "in (0, 1)", factor));
        }
        if !(1..=MOST_RETRIES).contains(&retries) {
            return Err(Error::invalid("trial", "on_divergence.retries", "in [1, 1000]", retries));
        }
        Ok(())
    }
}

impl FromStr for OnDivergence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::invalid("trial", "on_divergence", ALLOWED, text);
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        match (name.trim(), settings.trim()) {
            ("stop", "") => return Ok(OnDivergence::Stop),
            ("rollback", _) => {}
            _ => return Err(refuse()),
        }
        let (mut factor, mut retries) = (0.5, 3);
        for setting in settings.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').ok_or_else(refuse)?;
            match key.trim() {
                "factor" => factor = value.trim().parse().map_err(|_| refuse())?,
                "retries" => retries = value.trim().parse().map_err(|_| refuse())?,
                _ => return Err(refuse()),
            }
        }
        let action = OnDivergence::Rollback { factor, retries };
        action.validate()?;
        Ok(action)
    }
}

impl fmt::Display for OnDivergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnDivergence::Stop => f.write_str("stop"),
            OnDivergence::Rollback { factor, retries } => {
                write!(f, "rollback:factor={factor},retries={retries}")
            }
        }
    }
}

impl TryFrom<String> for OnDivergence {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<OnDivergence> for String {
    fn from(action: OnDivergence) -> Self {
        action.to_string()
    }
}
