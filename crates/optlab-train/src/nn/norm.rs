//! Normalization of rows.

use burn::module::{Module, Param};
use burn::nn::{self, LayerNormConfig};
use burn::tensor::Tensor;
use burn::tensor::module;
use optlab_kernel as kernel;

/// Layer normalization along the last axis, computed by [`kernel::layer_norm`].
///
/// It has the parameters of [`burn::nn::LayerNorm`] and is converted from it. Burn does not show its layer's
/// `ε`, so a converted one has Burn's default, 1e-5.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale `γ`, `[features]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift `β`, `[features]`; none for no shift.
    pub beta: Option<Param<Tensor<1>>>,
    /// Added to the variance, `ε`.
    #[module(skip)]
    pub epsilon: f64,
}

/// The default `ε`, Burn's and PyTorch's.
const EPSILON: f64 = 1e-5;

impl LayerNorm {
    /// Normalizes `x`, `[…, features]`.
    ///
    /// # Panics
    /// If `x` has another number of features.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let beta = self.beta.as_ref().map(Param::val);
        layer_norm(x, self.gamma.val(), beta, self.epsilon)
    }
}

/// Normalizes `x` along its last axis: our kernel in host memory, Burn's operation elsewhere.
pub(crate) fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<D> {
    if kernel::is_on_host(&x) {
        return kernel::layer_norm(x, gamma, beta, epsilon);
    }
    module::layer_norm(x, gamma, beta, epsilon)
}

impl From<nn::LayerNorm> for LayerNorm {
    fn from(layer: nn::LayerNorm) -> Self {
        LayerNorm { gamma: layer.gamma, beta: layer.beta, epsilon: EPSILON }
    }
}

/// Drops an `ε` other than 1e-5, which Burn's layer keeps to itself.
impl From<LayerNorm> for nn::LayerNorm {
    fn from(layer: LayerNorm) -> Self {
        let LayerNorm { gamma, beta, .. } = layer;
        let config = LayerNormConfig::new(gamma.lazy_shape()[0]).with_bias(beta.is_some());
        let mut converted = config.init(&gamma.lazy_device());
        (converted.gamma, converted.beta) = (gamma, beta);
        converted
    }
}

/// Division by the root mean square along the last axis, computed by [`kernel::rms_norm`].
///
/// It has the parameters of [`burn::nn::RmsNorm`] and is converted from it.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// Scale `γ`, `[features]`.
    pub gamma: Param<Tensor<1>>,
    /// Added to the mean square, `ε`.
    #[module(skip)]
    pub epsilon: f64,
}

impl RmsNorm {
    /// Normalizes `x`, `[…, features]`.
    ///
    /// # Panics
    /// If `x` has another number of features.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        if kernel::is_on_host(&x) {
            return kernel::rms_norm(x, self.gamma.val(), self.epsilon);
        }
        nn::RmsNorm::from(self.clone()).forward(x)
    }
}

impl From<nn::RmsNorm> for RmsNorm {
    fn from(layer: nn::RmsNorm) -> Self {
        RmsNorm { gamma: layer.gamma, epsilon: layer.epsilon }
    }
}

impl From<RmsNorm> for nn::RmsNorm {
    fn from(layer: RmsNorm) -> Self {
        nn::RmsNorm { gamma: layer.gamma, epsilon: layer.epsilon }
    }
}
