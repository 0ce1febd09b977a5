//! What a spec is built into, and an optimizer is put together from.

use crate::Error;
use crate::around::{Extras, GradientTransform};
use crate::driver::{Group, Method, ParameterRule};

/// Rules, and what is around them.
#[derive(Clone)]
pub struct Assembly {
    pub(crate) rules: Vec<ParameterRule>,
    pub(crate) method: Method,
    pub(crate) transform: GradientTransform,
    pub(crate) extras: Extras,
    /// Each has to have a parameter of the model.
    pub(crate) groups: Vec<Group>,
}

impl Assembly {
    /// Whether there are rules, beside which `owner` can do anything.
    pub(crate) fn check_has_rules(&self, owner: &str) -> Result<(), Error> {
        match self.method {
            Method::Once | Method::Sharpness(_) => Ok(()),
            Method::Lbfgs(_) => Err(Error::Usage(format!("`{owner}` is not for L-BFGS, which has no rules"))),
        }
    }

    /// The rules alone.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        Assembly { rules, method, transform, extras: Extras::default(), groups: Vec::new() }
    }
}
