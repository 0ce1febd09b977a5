//! Layer normalization.

use crate::model::Init;
use crate::model::layer::EPSILON;
use crate::nn::layer_norm;
use burn::module::{Module, Param};
use burn::tensor::Tensor;

/// Layer normalization (Ba et al., 2016) of each example, or of each time step of sequences:
///
/// ```text
/// y = γ (x − μ) / √(σ² + 1e-5) + β
/// ```
///
/// `μ` and `σ²` are mean and variance of the features of a row or a time step, or of an image with all its
/// channels and pixels. An image has one `γ` and `β` per channel, as in group normalization with one group
/// (Wu and He, 2018).
///
/// # Reference
/// Ba et al., *Layer Normalization*, 2016, <https://arxiv.org/abs/1607.06450>
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale `γ`: `[features]` or `[channels]`, 1 at the start.
    pub gamma: Param<Tensor<1>>,
    /// Shift `β`: `[features]` or `[channels]`, 0 at the start.
    pub beta: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Returns a layer for inputs with `features` features or channels.
    pub fn new(features: usize, init: &mut Init) -> Self {
        LayerNorm { gamma: init.constant([features], 1.0), beta: init.constant([features], 0.0) }
    }

    /// Normalizes `x`, `[…, features]`, along its last axis.
    ///
    /// # Panics
    /// If `x` has another number of features.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.gamma.val(), Some(self.beta.val()), EPSILON)
    }

    /// Normalizes each of `images`, `[batch, channels, height, width]`.
    ///
    /// # Panics
    /// If they have another number of channels.
    pub fn forward_images(&self, images: Tensor<4>) -> Tensor<4> {
        let shape = images.dims();
        let rows: Tensor<2> = images.flatten::<2>(1, 3).reshape([shape[0] as isize, -1]);
        let centered = rows.clone() - rows.mean_dim(1);
        let deviation = (centered.clone().square().mean_dim(1) + EPSILON).sqrt();
        let normalized: Tensor<4> = (centered / deviation).reshape(shape);
        let per_channel = |parameter: &Param<Tensor<1>>| parameter.val().reshape([1, shape[1], 1, 1]);
        normalized * per_channel(&self.gamma) + per_channel(&self.beta)
    }
}
