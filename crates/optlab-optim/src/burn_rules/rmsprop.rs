//! `burn.rmsprop`: Burn's RMSprop.

use crate::Error;
use crate::burn_rules::weight_decay;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's RMSprop. Unlike [`RmsProp`](crate::rules::RmsProp) and PyTorch it has momentum by default.
    ///
    /// The default learning rate is 1e-3, a tenth of that for `rmsprop` because of the momentum.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnRmsPropConfig {
        /// Decay of the mean of the squares.
        alpha: f64 = 0.99, in BELOW_ONE, search(2, Search::Decay);
        /// Share of the velocity kept per step.
        momentum: f64 = 0.9, in BELOW_ONE, search(1, Search::Momentum);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-5, in POSITIVE, search(3, Search::Epsilon);
        /// Whether to divide by the root of the variance instead of the root mean square.
        centered: bool = false;
        /// Weight decay, added to the gradient; 0 for none.
        weight_decay: f64 = 0.0, in NON_NEGATIVE;
    }
}

impl RuleConfig for BurnRmsPropConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::RmsPropConfig::new()
            .with_alpha(self.alpha as f32)
            .with_momentum(self.momentum as f32)
            .with_epsilon(self.epsilon as f32)
            .with_centered(self.centered)
            .with_weight_decay(weight_decay(self.weight_decay));
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
