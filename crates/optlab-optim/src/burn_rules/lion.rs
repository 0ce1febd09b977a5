//! `burn.lion`: Burn's Lion.

use crate::Error;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's Lion. It has the same formula as [`Lion`](crate::rules::Lion).
    ///
    /// The default learning rate is 1e-4, as for `lion`.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnLionConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the momentum.
        beta_2: f64 = 0.99, in BELOW_ONE, search(2, Search::Decay);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(3, Search::WeightDecay);
    }
}

impl RuleConfig for BurnLionConfig {
    const DEFAULT_LR: f64 = 1e-4;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::LionConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_weight_decay(self.weight_decay as f32);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
