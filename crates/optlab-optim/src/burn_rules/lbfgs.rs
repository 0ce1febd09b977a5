//! `burn.lbfgs`: Burn's L-BFGS.

use crate::Error;
use crate::driver::{Assembly, Method, ParameterRule};
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::optim::{LBFGSConfig, LineSearchFn};
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's L-BFGS, which moves all parameters together and evaluates the model several times a step, on
    /// the same batch.
    ///
    /// A step evaluates at most `5 max_iter / 4` times, which is Burn's default. Penalties, clipping and
    /// wrappers cannot be combined with it. The default learning rate is 1.
    ///
    /// # Errors
    /// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnLbfgsConfig {
        /// Largest number of iterations per step.
        max_iter: usize = 20, in ITERATIONS;
        /// Number of past steps from which the curvature is estimated.
        history_size: usize = 100, in ITERATIONS, search(1, Search::Choice(&[5, 10, 20, 50, 100]));
        /// Largest absolute element of the gradient at or below which a step ends.
        tolerance_grad: f64 = 1e-7, in NON_NEGATIVE;
        /// Change of the loss or of the parameters below which a step ends.
        tolerance_change: f64 = 1e-9, in NON_NEGATIVE;
        /// Line search that finds the length of an iteration.
        line_search_fn: LineSearchFn = (LineSearchFn::None) as "`None`", allowed "`None` or `StrongWolfe`";
    }
}

impl RuleConfig for BurnLbfgsConfig {
    const DEFAULT_LR: f64 = 1.0;
    const LR_SEARCH: (f64, f64) = (10.0, 3.0);

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(Error::Usage(format!(
            "`{owner}` moves all parameters together: it cannot be one of several rules"
        )))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        self.check(owner)?;
        let config = LBFGSConfig::new()
            .with_max_iter(self.max_iter)
            .with_history_size(self.history_size)
            .with_tolerance_grad(self.tolerance_grad)
            .with_tolerance_change(self.tolerance_change)
            .with_line_search_fn(self.line_search_fn);
        let method = Method::BurnLbfgs(Box::new(config.init()));
        Ok(Assembly { method, ..Assembly::of(Vec::new()) })
    }
}
