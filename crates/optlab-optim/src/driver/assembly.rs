//! The parts that a spec is built into and an optimizer is made of.

use crate::Error;
use crate::around::{Extras, GradientTransform};
use crate::driver::{Group, Method, ParameterRule};

/// Rules with the wrappers around them.
#[derive(Clone)]
pub struct Assembly {
    pub(crate) rules: Vec<ParameterRule>,
    pub(crate) method: Method,
    pub(crate) transform: GradientTransform,
    pub(crate) extras: Extras,
    /// The groups; each must match a parameter of the model.
    pub(crate) groups: Vec<Group>,
}

impl Assembly {
    /// Checks that there are rules that the wrapper `owner` can act on.
    pub(crate) fn check_has_rules(&self, owner: &str) -> Result<(), Error> {
        match self.method {
            Method::Once | Method::Sharpness(_) => Ok(()),
            Method::Lbfgs(_) => {
                Err(Error::Usage(format!("`{owner}` cannot wrap L-BFGS, which has no rules")))
            }
        }
    }

    /// Returns the rules without wrappers.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        Assembly { rules, method, transform, extras: Extras::default(), groups: Vec::new() }
    }
}
