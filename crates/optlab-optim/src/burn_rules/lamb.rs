//! `burn.lamb`: Burn's LAMB.

use crate::Error;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's LAMB: AdamW whose step for each tensor is scaled to the tensor's own norm.
    ///
    /// The default learning rate is 1e-3, as in its paper's smaller runs.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnLambConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to scale the step by the trust ratio, the ratio of the norms.
        use_trust_ratio: bool = true;
    }
}

impl RuleConfig for BurnLambConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::LambConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_use_trust_ratio(self.use_trust_ratio);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
