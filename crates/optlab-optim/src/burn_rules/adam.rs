//! `burn.adam`: Burn's Adam.

use crate::Error;
use crate::burn_rules::weight_decay;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's Adam. Unlike [`Adam`](crate::rules::Adam) and PyTorch it adds 1e-5 to the denominator.
    ///
    /// The default learning rate is 1e-3, as for `adam`.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnAdamConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-5, in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay, added to the gradient; 0 for none.
        weight_decay: f64 = 0.0, in NON_NEGATIVE;
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
    }
}

impl RuleConfig for BurnAdamConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::AdamConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_amsgrad(self.amsgrad);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
