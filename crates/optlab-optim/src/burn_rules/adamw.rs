//! `burn.adamw`: Burn's AdamW.

use crate::Error;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's AdamW. Unlike [`AdamW`](crate::rules::AdamW) and PyTorch it adds 1e-5 to the denominator and
    /// has a weight decay of 1e-4.
    ///
    /// The default learning rate is 1e-3, as for `adamw`.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnAdamWConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-5, in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 1e-4, in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only parameters with the same sign as the first moment.
        cautious_weight_decay: bool = false;
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
    }
}

impl RuleConfig for BurnAdamWConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::AdamWConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_cautious_weight_decay(self.cautious_weight_decay)
            .with_amsgrad(self.amsgrad);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
