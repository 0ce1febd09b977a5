use crate::error::Error;
use crate::optim::model_optimizer::Method;
use crate::optim::{Assembly, ParameterRule, RuleConfig};
use crate::range::{self, NON_NEGATIVE};
use burn::optim::{LBFGSConfig, LineSearchFn};
use serde::{Deserialize, Serialize};

/// Burn's L-BFGS, which moves all parameters together and evaluates the model several times a step, on the same batch.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `max_iter` | 20 | 1… |
/// | `history_size` | 100 | 1… |
/// | `tolerance_grad` | 1e-7 | `[0, ∞)` |
/// | `tolerance_change` | 1e-9 | `[0, ∞)` |
/// | `line_search_fn` | `None` | `None` or `StrongWolfe` |
///
/// It evaluates at most `5 max_iter / 4` times, as by Burn's default. The default learning rate is 1. Penalties, clipping and
/// what else is done beside rules is not for it.
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnLbfgsConfig {
    /// Iterations in a step, at most.
    pub max_iter: usize,
    /// Steps that the estimate of the curvature is made of.
    pub history_size: usize,
    /// Largest element of a gradient at which a step ends.
    pub tolerance_grad: f64,
    /// Change of the loss or of the parameters at which a step ends.
    pub tolerance_change: f64,
    /// How the length of an iteration is found.
    pub line_search_fn: LineSearchFn,
}

impl Default for BurnLbfgsConfig {
    fn default() -> Self {
        BurnLbfgsConfig {
            max_iter: 20,
            history_size: 100,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            line_search_fn: LineSearchFn::None,
        }
    }
}

impl RuleConfig for BurnLbfgsConfig {
    const DEFAULT_LR: f64 = 1.0;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(Error::Usage(format!(
            "`{owner}` moves all parameters together: it cannot be one of several rules"
        )))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check(
            owner,
            [
                ("tolerance_grad", self.tolerance_grad, NON_NEGATIVE),
                ("tolerance_change", self.tolerance_change, NON_NEGATIVE),
            ],
        )?;
        range::check_at_least_one(owner, [("max_iter", self.max_iter), ("history_size", self.history_size)])?;
        let config = LBFGSConfig::new()
            .with_max_iter(self.max_iter)
            .with_history_size(self.history_size)
            .with_tolerance_grad(self.tolerance_grad)
            .with_tolerance_change(self.tolerance_change)
            .with_line_search_fn(self.line_search_fn);
        let method = Method::Lbfgs(Box::new(config.init()));
        Ok(Assembly { method, ..Assembly::of(Vec::new()) })
    }
}
