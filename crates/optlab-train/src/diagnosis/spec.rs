//! Which diagnostics a run records, and how often.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The diagnostics of a run: each is recorded every so many steps.
///
/// | setting     | default | range       | what is recorded                                              | costs                    |
/// |:------------|--------:|:------------|:--------------------------------------------------------------|:-------------------------|
/// | `every`     |    `10` | `1…`        | gradient, update and weight of each tensor, activations       | a few passes over memory |
/// | `gradients` |   `100` | `1…`, `off` | noise of the gradient, length of the step                     | two more gradients       |
/// | `curvature` |   `off` | `1…`, `off` | largest eigenvalue and trace of the Hessian                   | up to 60 more gradients  |
///
/// # Example
/// ```
/// use optlab_train::diagnosis::Diagnose;
///
/// let diagnose: Diagnose = "every=20,curvature=500".parse()?;
/// assert_eq!(diagnose, Diagnose { every: 20, gradients: Some(100), curvature: Some(500) });
/// assert!("every=0".parse::<Diagnose>().is_err());
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Diagnose {
    /// Steps between records of tensors and activations.
    pub every: usize,
    /// Steps between records of the gradient's noise and the step's length; `None` for never.
    pub gradients: Option<usize>,
    /// Steps between records of the curvature; `None` for never.
    pub curvature: Option<usize>,
}

impl Default for Diagnose {
    fn default() -> Self {
        Diagnose { every: 10, gradients: Some(100), curvature: None }
    }
}

const ALLOWED: &str = "every=N, with gradients=N and curvature=N or off, as in every=10,gradients=100";

/// The largest number of steps between records; a larger one is taken for a typing error.
const MOST: usize = 1_000_000_000;

/// The records that are due after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub gradients: bool,
    pub curvature: bool,
}

impl Diagnose {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) naming the setting.
    pub fn validate(self) -> Result<(), Error> {
        let settings =
            [("every", Some(self.every)), ("gradients", self.gradients), ("curvature", self.curvature)];
        for (name, steps) in settings {
            if steps.is_some_and(|steps| !(1..=MOST).contains(&steps)) {
                let field = format!("diagnose.{name}");
                return Err(Error::invalid("trial", &field, "in [1, 1000000000]", steps.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Returns what is due after step `step`, counted from 1: `None` for nothing. The first step is recorded.
    pub(crate) fn due(self, step: usize) -> Option<Due> {
        let is_due = |every: usize| step == 1 || step.is_multiple_of(every);
        let due = Due {
            gradients: self.gradients.is_some_and(is_due),
            curvature: self.curvature.is_some_and(is_due),
        };
        (is_due(self.every) || due.gradients || due.curvature).then_some(due)
    }
}

impl FromStr for Diagnose {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::invalid("trial", "diagnose", ALLOWED, text);
        let mut diagnose = Diagnose::default();
        for setting in text.split(',').map(str::trim) {
            let (key, value) = setting.split_once('=').ok_or_else(refuse)?;
            let steps = match value.trim() {
                "off" => None,
                value => Some(value.parse().map_err(|_| refuse())?),
            };
            match key.trim() {
                "every" => diagnose.every = steps.ok_or_else(refuse)?,
                "gradients" => diagnose.gradients = steps,
                "curvature" => diagnose.curvature = steps,
                _ => return Err(refuse()),
            }
        }
        diagnose.validate()?;
        Ok(diagnose)
    }
}

impl fmt::Display for Diagnose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |steps: Option<usize>| steps.map_or_else(|| "off".into(), |steps| steps.to_string());
        let Diagnose { every, gradients, curvature } = *self;
        write!(f, "every={every},gradients={},curvature={}", steps(gradients), steps(curvature))
    }
}

impl TryFrom<String> for Diagnose {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Diagnose> for String {
    fn from(diagnose: Diagnose) -> Self {
        diagnose.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written_and_wrong_ones_are_refused() {
        for text in ["every=10,gradients=100,curvature=off", "every=1,gradients=off,curvature=7"] {
            assert_eq!(text.parse::<Diagnose>().unwrap().to_string(), text);
        }
        let wrong =
            ["", "every", "every=0", "every=off", "gradients=0", "often=1", "every=-1", "every=9999999999"];
        for text in wrong {
            assert!(text.parse::<Diagnose>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_step_and_every_so_many_are_recorded() {
        let diagnose = Diagnose { every: 4, gradients: Some(6), curvature: None };
        let due: Vec<usize> = (1..=12).filter(|&step| diagnose.due(step).is_some()).collect();
        assert_eq!(due, [1, 4, 6, 8, 12]);
        assert_eq!(diagnose.due(4), Some(Due { gradients: false, curvature: false }));
        assert_eq!(diagnose.due(6), Some(Due { gradients: true, curvature: false }));
    }
}
