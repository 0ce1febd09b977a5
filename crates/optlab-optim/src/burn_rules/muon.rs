//! `burn.muon`: Burn's Muon for matrices, and Burn's AdamW for the rest.

use crate::Error;
use crate::burn_rules::weight_decay;
use crate::driver::ParameterRule;
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, AdjustLrFn, MuonConfig};
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Burn's Muon for parameters of rank 2, and Burn's AdamW for all others.
    ///
    /// Muon orthogonalizes the momentum of a matrix and is defined for matrices only; Burn's Muon panics on a
    /// bias. AdamW gets the same learning rate and weight decay, and otherwise Burn's defaults. Convolution
    /// kernels have rank 4, so AdamW moves them too.
    ///
    /// `ns_a`, `ns_b` and `ns_c` are Burn's `ns_coefficients`. The default learning rate is 1e-3, chosen for
    /// AdamW; `MatchRmsAdamW` gives both rules steps of the same size.
    ///
    /// # Errors
    /// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
    pub struct BurnMuonConfig {
        /// Decoupled weight decay of all parameters; 0 for none.
        weight_decay: f64 = 0.0, in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Share of the velocity kept per step.
        momentum: f64 = 0.95, in BELOW_ONE, search(1, Search::Momentum);
        /// Share of each gradient, except the first, that is left out of the velocity.
        dampening: f64 = 0.0, in SHARE;
        /// Whether to use Nesterov momentum.
        nesterov: bool = true;
        /// Coefficient of `X` in the Newton-Schulz iteration.
        ns_a: f64 = 3.4445, in FINITE;
        /// Coefficient of `X Xᵀ X` in the Newton-Schulz iteration.
        ns_b: f64 = (-4.775), in FINITE;
        /// Coefficient of `X Xᵀ X Xᵀ X` in the Newton-Schulz iteration.
        ns_c: f64 = 2.0315, in FINITE;
        /// Lower bound of the norm that a matrix is divided by.
        epsilon: f64 = 1e-7, in POSITIVE, search(3, Search::Epsilon);
        /// Number of Newton-Schulz iterations.
        ns_steps: usize = 5, in ITERATIONS;
        /// How the learning rate depends on the shape of a matrix.
        adjust_lr_fn: AdjustLrFn = (AdjustLrFn::Original) as "`Original`", allowed "`Original` or `MatchRmsAdamW`";
    }
}

impl RuleConfig for BurnMuonConfig {
    const DEFAULT_LR: f64 = 1e-3;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check_in_32_bits(owner)?;
        let momentum = MomentumConfig::new()
            .with_momentum(self.momentum)
            .with_dampening(self.dampening)
            .with_nesterov(self.nesterov);
        let muon = MuonConfig::new()
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_momentum(momentum)
            .with_ns_coefficients((self.ns_a as f32, self.ns_b as f32, self.ns_c as f32))
            .with_epsilon(self.epsilon as f32)
            .with_ns_steps(self.ns_steps)
            .with_adjust_lr_fn(self.adjust_lr_fn);
        let adamw = AdamWConfig::new().with_weight_decay(self.weight_decay as f32);
        Ok(vec![
            ParameterRule::burn(muon.build()).for_parameters(|parameter| parameter.shape.len() == 2),
            ParameterRule::burn(adamw.build()),
        ])
    }
}
