//! What a run records of a step when it is diagnosed.

use serde::{Deserialize, Serialize};

/// The diagnostics of one step. A number that is undefined or not finite is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Steps made, this one included: the first is 1.
    pub step: usize,
    /// Each trained tensor, in the model's order.
    pub tensors: Vec<TensorRecord>,
    /// Each result that the model passes through a [`tap`](crate::nn::tap()), in the forward order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activations: Vec<ActivationRecord>,
    /// The distance that the step moved all parameters, per length of the gradient: `‖Δθ‖ / ‖g‖`.
    pub effective_lr: Option<f64>,
    /// Noise and step length, when they are due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradients: Option<GradientRecord>,
    /// Curvature, when it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curvature: Option<CurvatureRecord>,
}

/// A trained tensor in a step. Norms are Euclidean; the gradient is the loss's, before clipping and
/// penalties.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// The path in the model.
    pub path: String,
    /// The norm of the gradient; `None` for a tensor that got none.
    pub gradient_norm: Option<f64>,
    /// The norm of the tensor before the step.
    pub weight_norm: Option<f64>,
    /// The norm of the update `Δθ`.
    pub update_norm: Option<f64>,
    /// `‖Δθ‖ / ‖θ‖`.
    pub update_ratio: Option<f64>,
    /// The share of gradient elements that are exactly 0.
    pub zero_gradients: Option<f64>,
    /// The cosine between update and gradient: −1 for plain gradient descent.
    pub cosine: Option<f64>,
}

/// A result inside the model, over the batch's first examples: as many as have 2¹⁸ values, at least one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivationRecord {
    /// The name of the tap.
    pub name: String,
    /// The mean of all values.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// The share of values that are exactly 0.
    pub zeros: Option<f64>,
    /// The share of units that are 0 in every example. A unit is a channel of an image, a feature of a
    /// sequence or a column.
    pub dead: Option<f64>,
    /// The share of values at the ends of the range of `tanh` (above 0.99 in size) or of a sigmoid (below
    /// 0.01 or above 0.99); `None` unless all values lie in `[−1, 1]` and none is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<f64>,
}

/// The noise of the gradient of a batch, and the length of the step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientRecord {
    /// An unbiased estimate of the squared norm of the gradient without noise, `|G|²`; noise can make it
    /// negative.
    pub squared_norm: Option<f64>,
    /// An unbiased estimate of the sum of the variances of one example's gradient, `tr Σ`.
    pub variance: Option<f64>,
    /// The simple noise scale `tr Σ / |G|²`: a batch size up to which a larger batch makes steps much better
    /// (McCandlish et al., 2018); `None` where the estimate of `|G|²` is not positive.
    pub noise_scale: Option<f64>,
    /// The signal-to-noise ratio of the batch's gradient, `|G|² / (tr Σ / B)`.
    pub snr: Option<f64>,
    /// The length of the step on the parabola along it, from the slopes at both ends on the same batch: −1
    /// for no step, 0 for a step to the minimum, 1 for one to the same height on the other side, more for one
    /// that goes up. `None` for a step that does not go down at its start.
    pub alpha: Option<f64>,
}

/// The curvature of the loss of a batch after the step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvatureRecord {
    /// The eigenvalue of the Hessian that is largest in size.
    pub largest: Option<f64>,
    /// The trace of the Hessian.
    pub trace: Option<f64>,
}

/// Returns the number unless it is NaN or infinite.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
