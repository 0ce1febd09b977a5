//! `burn.adagrad`: Burn's AdaGrad.

use crate::Error;
use crate::burn_rules::weight_decay;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's AdaGrad. Unlike [`AdaGrad`](crate::rules::AdaGrad) and PyTorch it adds 1e-5 to the denominator.
    ///
    /// The default learning rate is 1e-2, as for `adagrad`.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnAdaGradConfig {
        /// Decay of the learning rate by the rule itself, per step.
        lr_decay: f64 = 0.0, in NON_NEGATIVE;
        /// Constant added to the denominator.
        epsilon: f64 = 1e-5, in POSITIVE, search(2, Search::Epsilon);
        /// Weight decay, added to the gradient; 0 for none.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(1, Search::WeightDecay);
    }
}

impl RuleConfig for BurnAdaGradConfig {
    const DEFAULT_LR: f64 = 1e-2;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::AdaGradConfig::new()
            .with_lr_decay(self.lr_decay)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(weight_decay(self.weight_decay));
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
