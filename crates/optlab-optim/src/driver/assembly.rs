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
        self.check_around_lazy(owner)?;
        check_evaluation(owner, &self.extras, &self.rules)
    }

    /// Checks that no wrapper moves the rows that a lazy rule leaves as they are, or gives them a gradient.
    fn check_around_lazy(&self, owner: &str) -> Result<(), Error> {
        const MOVES: &str = "moves rows, and `lazy` leaves rows as they are";
        const FILLS: &str = "gives a gradient to rows that have none, which `lazy` leaves";
        if !self.rules.iter().any(|rule| rule.is_lazy) {
            return Ok(());
        }
        let Extras { average, lookahead, schedule_free, ema_nesterov, mechanic, .. } = &self.extras;
        let excluded = [
            ("ema`, `swa` or `lawa", MOVES, average.is_some()),
            ("lookahead", MOVES, lookahead.is_some()),
            ("schedule_free", MOVES, schedule_free.is_some()),
            ("ema_nesterov", MOVES, ema_nesterov.is_some()),
            ("mechanic", MOVES, mechanic.is_some()),
            ("hyperball", MOVES, self.extras.hyperball),
            ("cautious", MOVES, self.extras.cautious),
            ("grokfast` or `variance_reduced", FILLS, self.filter.is_some()),
            ("centralized", FILLS, self.transform.centralize),
        ];
        match excluded.into_iter().find(|(.., is_used)| *is_used) {
            None => Ok(()),
            Some((wrapper, reason, _)) => Err(Error::Usage(format!("`{owner}`: `{wrapper}` {reason}"))),
        }
    }

    /// Returns the rules without wrappers.
    pub fn of(rules: Vec<ParameterRule>) -> Self {
        let (method, transform) = (Method::default(), GradientTransform::default());
        let (filter, extras, groups) = (None, Extras::default(), Vec::new());
        Assembly { rules, method, filter, transform, extras, groups }
    }
}
