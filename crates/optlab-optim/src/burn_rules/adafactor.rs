//! `burn.adafactor`: Burn's Adafactor.

use crate::Error;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's Adafactor, which stores the second moments of a matrix as one row and one column.
    ///
    /// The default learning rate is 1e-2, with which `relative_step` gives the paper's schedule.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnAdafactorConfig {
        /// Added to the squared gradients.
        epsilon_1: f64 = 1e-30, in POSITIVE;
        /// Lower bound of the root mean square of a parameter that scales its step.
        epsilon_2: f64 = 1e-3, in POSITIVE;
        /// Largest root mean square of an update, before the learning rate is applied.
        clip_threshold: f64 = 1.0, in POSITIVE;
        /// Exponent of the decay `1 − tᵉ` of the second moment.
        decay_rate: f64 = (-0.8), in NEGATIVE, search(1, Search::Uniform(-0.95, -0.5));
        /// Whether to limit the learning rate to `1 / √t`.
        relative_step: bool = true;
        /// Whether to scale a step by the root mean square of its parameter.
        scale_parameter: bool = true;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(2, Search::WeightDecay);
    }
}

impl RuleConfig for BurnAdafactorConfig {
    const DEFAULT_LR: f64 = 1e-2;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let config = burn::optim::AdafactorConfig::new()
            .with_epsilon_1(self.epsilon_1 as f32)
            .with_epsilon_2(self.epsilon_2 as f32)
            .with_clip_threshold(self.clip_threshold as f32)
            .with_decay_rate(self.decay_rate)
            .with_relative_step(self.relative_step)
            .with_scale_parameter(self.scale_parameter)
            .with_weight_decay(self.weight_decay as f32);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
