//! The parts that a spec is built into and an optimizer is made of.

use crate::Error;
use crate::around::gradient_filter::GradientFilter;
use crate::around::{Extras, GradientTransform};
use crate::driver::{Group, Method, ParameterRule};

/// Rules with the wrappers around them.
#[derive(Clone)]
pub struct Assembly {
    pub(crate) rules: Vec<ParameterRule>,
    pub(crate) method: Method,
    /// The filter of gradients over time, before the transform.
    pub(crate) filter: Option<GradientFilter>,
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

    /// Checks that the wrappers of `owner` go together with each other and with the rules.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] or [`Error::Usage`].
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        self.extras.validate()?;
        let evaluates =
            |rule: &ParameterRule| rule.kind.elementwise().is_some_and(|rule| rule.has_evaluation());
        if self.extras.schedule_free.is_some() && self.rules.iter().any(evaluates) {
            let reason = format!("`{owner}`: `schedule_free` takes no rule that evaluates other weights itself");
            return Err(Error::Usage(reason));
        }
        Ok(())
    }

    /// Returns the rules without wrappers.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        let (filter, extras, groups) = (None, Extras::default(), Vec::new());
        Assembly { rules, method, filter, transform, extras, groups }
    }
}
