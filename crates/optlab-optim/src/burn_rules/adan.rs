//! `burn.adan`: Burn's Adan.

use crate::Error;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's Adan: Adam with Nesterov momentum estimated from differences of gradients.
    ///
    /// The default learning rate is 1e-3, the one its authors use.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnAdanConfig {
        /// Decay of the mean of the gradients.
        beta_1: f64 = 0.98, in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean of the gradient differences.
        beta_2: f64 = 0.92, in BELOW_ONE, search(2, Search::Decay);
        /// Decay of the mean of the squares.
        beta_3: f64 = 0.99, in BELOW_ONE, search(3, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, in NON_NEGATIVE;
        /// Whether the decay multiplies before the step instead of dividing after it.
        no_prox: bool = false;
    }
}

impl RuleConfig for BurnAdanConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::AdanConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_beta_3(self.beta_3 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_no_prox(self.no_prox);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
