//! Batch normalization.

use crate::model::Init;
use crate::model::layer::EPSILON;
use crate::nn::Mode;
use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;
use burn::tensor::module::{batch_norm, batch_norm_train};

/// Batch normalization (Ioffe and Szegedy, 2015) of each feature or channel:
///
/// ```text
/// y = γ (x − μ) / √(σ² + 1e-5) + β
/// μ̄ ← 0.9 μ̄ + 0.1 μ        σ̄² ← 0.9 σ̄² + 0.1 σ² n / (n − 1)
/// ```
///
/// In training, `μ` and `σ²` are mean and variance of the batch's `n` numbers per channel. In evaluation they
/// are the running `μ̄` and `σ̄²`, which start at 0 and 1 and are saved with the model; no optimizer moves
/// them.
///
/// Differs from Burn's layer: that layer normalizes by the batch on every device with gradients, also in
/// evaluation; its running variance lacks the factor `n / (n − 1)`, which PyTorch has; and a record of it
/// misses the update of the last step.
///
/// # Reference
/// Ioffe and Szegedy, *Batch Normalization*, 2015, <https://arxiv.org/abs/1502.03167>
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale `γ`: `[channels]`, 1 at the start.
    pub gamma: Param<Tensor<1>>,
    /// Shift `β`: `[channels]`, 0 at the start.
    pub beta: Param<Tensor<1>>,
    /// Running mean `μ̄`: `[channels]`; shared by clones of the model.
    pub running_mean: RunningState<Tensor<1>>,
    /// Running variance `σ̄²`: `[channels]`; shared by clones of the model.
    pub running_var: RunningState<Tensor<1>>,
}

/// The weight of a batch in the running statistics.
const MOMENTUM: f64 = 0.1;

impl BatchNorm {
    /// Returns a layer for inputs with `channels` channels.
    pub fn new(channels: usize, init: &mut Init) -> Self {
        BatchNorm {
            gamma: init.constant([channels], 1.0),
            beta: init.constant([channels], 0.0),
            running_mean: init.statistic(channels, 0.0),
            running_var: init.statistic(channels, 1.0),
        }
    }

    /// Normalizes `x`, `[batch, channels, …]`. In training on a device that computes gradients it updates the
    /// running statistics, unless each channel has a single number.
    ///
    /// # Panics
    /// If `x` has another number of channels.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, mode: Mode) -> Tensor<D> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        if mode == Mode::Evaluate {
            let (mean, variance) = (self.running_mean.value_sync(), self.running_var.value_sync());
            return batch_norm(x, gamma, beta, mean, variance, EPSILON);
        }
        let numbers = (x.shape().num_elements() / x.dims()[1].max(1)) as f64;
        let is_step = x.device().is_autodiff();
        let normalized = batch_norm_train(x, gamma, beta, EPSILON);
        if is_step && numbers > 1.0 {
            update(&self.running_mean, normalized.mean);
            update(&self.running_var, normalized.variance.mul_scalar(numbers / (numbers - 1.0)));
        }
        normalized.output
    }
}

/// Moves a running statistic towards the batch's.
fn update(running: &RunningState<Tensor<1>>, of_batch: Tensor<1>) {
    let moved = running.value_sync().mul_scalar(1.0 - MOMENTUM) + of_batch.detach().mul_scalar(MOMENTUM);
    running.update(moved.detach());
    // An update counts only once it is synchronized; a checkpoint would save the value before it.
    running.value_sync();
}
