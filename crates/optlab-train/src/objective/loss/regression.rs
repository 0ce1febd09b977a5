//! Losses of numbers, from the error `d` = output − target; the mean is over examples and columns.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use optlab_core::settings;

settings! {
    /// Settings of the Huber loss: squared near 0, absolute beyond `delta`.
    ///
    /// ```text
    /// ℓ(d) = ½ d²              if |d| ≤ δ
    ///        δ (|d| − ½ δ)     else
    /// ```
    ///
    /// `delta` is in standardized units if the targets are standardized.
    ///
    /// # Reference
    /// Huber, *Robust Estimation of a Location Parameter*, 1964; PyTorch's `torch.nn.HuberLoss`
    pub struct HuberConfig {
        /// Error from which on the loss grows linearly.
        delta: f64 = 1.0, "δ", in POSITIVE;
    }
}

settings! {
    /// Settings of the quantile loss, also called pinball loss, whose best prediction is the `q`-quantile.
    ///
    /// ```text
    /// ℓ(d) = −q d          if d ≤ 0 (the output is too small)
    ///        (1 − q) d     else
    /// ```
    ///
    /// # Reference
    /// Koenker & Bassett, *Regression Quantiles*, 1978; scikit-learn's `mean_pinball_loss`
    pub struct QuantileConfig {
        /// Share of the targets that lie below the best prediction.
        q: f64 = 0.5, "q", in POSITIVE_BELOW_ONE;
    }
}

impl HuberConfig {
    pub(super) const NAME: &'static str = "huber";

    pub(super) fn mean(&self, outputs: Tensor<2>, values: &Tensor<2>) -> Tensor<1> {
        let size = errors(outputs, values).abs();
        let clamped = size.clone().clamp_max(self.delta);
        (clamped.clone() * (size - clamped * 0.5)).mean()
    }
}

impl QuantileConfig {
    pub(super) const NAME: &'static str = "quantile";

    pub(super) fn mean(&self, outputs: Tensor<2>, values: &Tensor<2>) -> Tensor<1> {
        let error = errors(outputs, values);
        (relu(-error.clone()) * self.q + relu(error) * (1.0 - self.q)).mean()
    }
}

/// Returns the mean squared error.
pub(super) fn mse(outputs: Tensor<2>, values: &Tensor<2>) -> Tensor<1> {
    errors(outputs, values).square().mean()
}

/// Returns the mean absolute error. Its gradient at an error of 0 is 0.
pub(super) fn l1(outputs: Tensor<2>, values: &Tensor<2>) -> Tensor<1> {
    errors(outputs, values).abs().mean()
}

/// Returns output − target, `[batch, columns]`.
pub(in crate::objective) fn errors(outputs: Tensor<2>, values: &Tensor<2>) -> Tensor<2> {
    assert_eq!(outputs.dims(), values.dims(), "a target for each output");
    outputs - values.clone()
}
