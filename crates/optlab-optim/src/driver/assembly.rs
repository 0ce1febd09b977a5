//! The parts that a spec is built into and an optimizer is made of.

use crate::Error;
use crate::around::gradient_filter::GradientFilter;
use crate::around::{Extras, GradientTransform};
use crate::driver::{Group, Method, ParameterRule};

/// Returns the error for a wrapper that cannot wrap L-BFGS.
pub(crate) fn no_wrapper_of_lbfgs(owner: &str) -> Error {
    Error::Usage(format!("`{owner}` cannot wrap L-BFGS, which searches along the loss"))
}

/// Checks that no rule evaluates other weights than the trained ones if a wrapper moves both.
pub(crate) fn check_evaluation(owner: &str, extras: &Extras, rules: &[ParameterRule]) -> Result<(), Error> {
    let evaluates = |rule: &ParameterRule| rule.kind.has_evaluation();
    let moves_weights =
        [("schedule_free", extras.schedule_free.is_some()), ("mechanic", extras.mechanic.is_some())];
    match moves_weights.into_iter().find(|(_, is_used)| *is_used) {
        Some((wrapper, _)) if rules.iter().any(evaluates) => {
            let reason = format!("`{owner}`: `{wrapper}` takes no rule that evaluates other weights itself");
            Err(Error::Usage(reason))
        }
        _ => Ok(()),
    }
}

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
            Method::Once | Method::Sharpness(_) | Method::Lbfgs(_) => Ok(()),
            Method::BurnLbfgs(_) => {
                Err(Error::Usage(format!("`{owner}` cannot wrap L-BFGS, which has no rules")))
            }
        }
    }

    /// Checks that the wrappers of `owner` go together with each other and with the rules.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] or [`Error::Usage`].
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        if let Method::Lbfgs(_) = self.method {
            // Averages follow the steps; everything else would change what the search sees.
            let allowed = Extras { average: self.extras.average, ..Extras::default() };
            let is_plain = self.filter.is_none() && self.transform == GradientTransform::default();
            if self.extras != allowed || !is_plain {
                return Err(no_wrapper_of_lbfgs(owner));
            }
            if self.rules.iter().any(|rule| rule.kind.curvature().is_some()) {
                let reason = format!("`{owner}`: L-BFGS draws no labels for the curvature of another rule");
                return Err(Error::Usage(reason));
            }
            if self.rules.iter().any(|rule| rule.is_lbfgs() && rule.has_own_schedule()) {
                let reason = format!("`{owner}`: parameters of L-BFGS have no schedule of their own");
                return Err(Error::Usage(reason));
            }
        }
        self.extras.validate()?;
        if self.extras.hyperball && self.extras.cautious_decay {
            let reason = "`hyperball` keeps every norm, so it takes no cautious decay";
            return Err(Error::Usage(format!("`{owner}`: {reason}")));
        }
        if self.rules.iter().any(|rule| rule.is_lazy) {
            self.extras.check_around_lazy(owner)?;
            let fills_rows = [
                ("grokfast` or `variance_reduced", self.filter.is_some()),
                ("centralized", self.transform.centralize),
            ];
            if let Some((wrapper, _)) = fills_rows.into_iter().find(|(_, is_used)| *is_used) {
                let reason =
                    format!("`{wrapper}` gives a gradient to rows that have none, which `lazy` leaves");
                return Err(Error::Usage(format!("`{owner}`: {reason}")));
            }
        }
        check_evaluation(owner, &self.extras, &self.rules)
    }

    /// Returns the rules without wrappers.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        let (filter, extras, groups) = (None, Extras::default(), Vec::new());
        Assembly { rules, method, filter, transform, extras, groups }
    }
}
