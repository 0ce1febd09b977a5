//! What a spec is built into, and an optimizer is put together from.

use super::gradient_transform::GradientTransform;
use super::group::Group;
use super::model_optimizer::{Method, ParameterRule};
use super::wrappers::Wrappers;
use crate::error::Error;

/// Rules, and what is around them.
#[derive(Clone)]
pub struct Assembly {
    pub(super) rules: Vec<ParameterRule>,
    pub(super) method: Method,
    pub(super) transform: GradientTransform,
    pub(super) wrappers: Wrappers,
    /// Each has to have a parameter of the model.
    pub(super) groups: Vec<Group>,
}

impl Assembly {
    /// Whether there are rules, beside which `owner` can do anything.
    pub(super) fn check_has_rules(&self, owner: &str) -> Result<(), Error> {
        match self.method {
            Method::Once | Method::Sharpness(_) => Ok(()),
            Method::Lbfgs(_) => Err(Error::Usage(format!("`{owner}` is not for L-BFGS, which has no rules"))),
        }
    }

    /// The rules alone.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        Assembly { rules, method, transform, wrappers: Wrappers::default(), groups: Vec::new() }
    }
}
