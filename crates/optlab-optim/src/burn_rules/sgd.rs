//! `burn.sgd`: Burn's SGD.

use crate::Error;
use crate::burn_rules::weight_decay;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::optim::momentum::MomentumConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's SGD. A `momentum` of 0 means no momentum, and then `dampening` and `nesterov` have no effect.
    /// Burn's default dampening is 0.1; PyTorch's is 0.
    ///
    /// The default learning rate is 1e-2, the usual one for plain descent.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnSgdConfig {
        /// Weight decay, added to the gradient; 0 for none.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Share of the velocity kept per step; 0 for none.
        momentum: f64 = 0.0, in BELOW_ONE, search(1, Search::Momentum);
        /// Share of each gradient, except the first, that is left out of the velocity.
        dampening: f64 = 0.1, in SHARE;
        /// Whether to use Nesterov momentum.
        nesterov: bool = false, search(3, Search::Flag);
    }
}

impl RuleConfig for BurnSgdConfig {
    const DEFAULT_LR: f64 = 1e-2;
    const LR_SEARCH: (f64, f64) = (10.0, 1000.0);

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let momentum = (self.momentum != 0.0).then(|| {
            MomentumConfig::new()
                .with_momentum(self.momentum)
                .with_dampening(self.dampening)
                .with_nesterov(self.nesterov)
        });
        let config = burn::optim::SgdConfig::new()
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_momentum(momentum);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
