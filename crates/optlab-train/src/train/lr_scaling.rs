//! Scaling of the learning rate with the batch size.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Scaling of the learning rate with the batch size: `linear` or `sqrt`, relative to the workload's default
/// batch size, or `linear:256` relative to batches of 256.
///
/// The rate for batches of `B` is `η (B / B₀)` (Goyal et al., 2017) or `η √(B / B₀)` (Krizhevsky, 2014).
///
/// # Example
/// ```
/// use optlab_train::train::LrScaling;
///
/// let scaling: LrScaling = "sqrt:64".parse()?;
/// assert_eq!((scaling.factor(256, 32), "linear".parse::<LrScaling>()?.factor(256, 32)), (2.0, 8.0));
/// assert!("sqrt:0".parse::<LrScaling>().is_err());
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LrScaling {
    /// The scaling rule.
    pub rule: ScalingRule,
    /// The batch size that the rate is meant for; `None` for the workload's default.
    pub batch_size: Option<usize>,
}

/// The factor that multiplies the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalingRule {
    /// The ratio of the batch sizes.
    Linear,
    /// The square root of the ratio.
    Sqrt,
}

impl LrScaling {
    /// Returns the factor of the rate for batches of `batch_size`, where the workload's default size is
    /// `own`.
    pub fn factor(self, batch_size: usize, own: usize) -> f64 {
        let ratio = batch_size as f64 / self.batch_size.unwrap_or(own) as f64;
        match self.rule {
            ScalingRule::Linear => ratio,
            ScalingRule::Sqrt => ratio.sqrt(),
        }
    }
}

impl FromStr for LrScaling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || {
            Error::invalid("trial", "lr_scaling", "linear or sqrt, with a batch size as in linear:256", text)
        };
        let (rule, batch_size) = match text.split_once(':') {
            None => (text, None),
            Some((rule, size)) => {
                let size = size.trim().parse().ok().filter(|size: &usize| *size > 0);
                (rule, Some(size.ok_or_else(refuse)?))
            }
        };
        let rule = match rule.trim() {
            "linear" => ScalingRule::Linear,
            "sqrt" => ScalingRule::Sqrt,
            _ => return Err(refuse()),
        };
        Ok(LrScaling { rule, batch_size })
    }
}

impl fmt::Display for LrScaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rule == ScalingRule::Linear { "linear" } else { "sqrt" })?;
        self.batch_size.map_or(Ok(()), |size| write!(f, ":{size}"))
    }
}

impl TryFrom<String> for LrScaling {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<LrScaling> for String {
    fn from(scaling: LrScaling) -> Self {
        scaling.to_string()
    }
}
