//! Attention blocks.

use crate::model::Init;
use crate::model::layer::LayerNorm;
use crate::nn::{AttentionInput, Dropout, Linear, Mode, attention};
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;

/// Self-attention with several heads and no mask (Vaswani et al., 2017):
///
/// ```text
/// headᵢ = softmax(Qᵢ Kᵢᵀ / √d) Vᵢ        d = width / heads
/// y = [head₁ … head_h] W + b
/// ```
///
/// Keys have no bias: the softmax would cancel it. The weights of queries, keys and values start uniform in
/// `±√(6 / (4 width))` and the others in `±1/√width`, all biases at 0, as PyTorch's do.
///
/// # Shapes
/// `[batch, time, width]` to the same shape.
#[derive(Module, Debug)]
pub struct Attention {
    /// `Q = x W + b`.
    pub query: Linear,
    /// `K = x W`.
    pub key: Linear,
    /// `V = x W + b`.
    pub value: Linear,
    /// The layer after the heads.
    pub output: Linear,
    /// Number of heads, a divisor of the width.
    pub heads: usize,
}

/// A block of a transformer, normalized before its two parts (Xiong et al., 2020):
///
/// ```text
/// x ← x + dropout(attention(norm₁(x)))
/// x ← x + dropout(B gelu(A norm₂(x) + a) + b)
/// ```
///
/// # Shapes
/// `[batch, time, width]` to the same shape.
///
/// # Reference
/// Vaswani et al., *Attention Is All You Need*, 2017, <https://arxiv.org/abs/1706.03762>; Xiong et al., *On
/// Layer Normalization in the Transformer Architecture*, 2020, <https://arxiv.org/abs/2002.04745>
#[derive(Module, Debug)]
pub struct Block {
    /// Normalization before attention.
    pub norm_1: LayerNorm,
    /// Attention.
    pub attention: Attention,
    /// Normalization before the dense layers.
    pub norm_2: LayerNorm,
    /// The hidden dense layer.
    pub dense_1: Linear,
    /// The dense layer back to the width.
    pub dense_2: Linear,
    /// Dropout after attention and after the dense layers.
    #[module(skip)]
    pub dropout: [Dropout; 2],
}

impl Attention {
    /// Returns a layer with new weights.
    pub fn new(width: usize, heads: usize, init: &mut Init) -> Self {
        let mut linear = |bound: f64, has_bias: bool| {
            let mut layer = init.linear_without_bias(width, width, bound);
            layer.bias = has_bias.then(|| init.constant([width], 0.0));
            layer
        };
        let bound = (6.0 / (4.0 * width as f64)).sqrt();
        let (query, key, value) = (linear(bound, true), linear(bound, false), linear(bound, true));
        Attention { query, key, value, output: linear(1.0 / (width as f64).sqrt(), true), heads }
    }

    /// Returns the attention of each time step to all.
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.output.forward(self.of_heads(x))
    }

    /// Returns the values of all heads, `[batch, time, width]`.
    fn of_heads(&self, x: Tensor<3>) -> Tensor<3> {
        let parts = [&self.query, &self.key, &self.value].map(|layer| layer.forward(x.clone()));
        attention(AttentionInput::Separate(parts), self.heads, false)
    }
}

impl Block {
    /// Returns a block with new weights.
    pub fn new(
        width: usize,
        heads: usize,
        feed_forward: usize,
        dropout: [Dropout; 2],
        init: &mut Init,
    ) -> Self {
        Block {
            norm_1: LayerNorm::new(width, init),
            attention: Attention::new(width, heads, init),
            norm_2: LayerNorm::new(width, init),
            dense_1: init.linear(width, feed_forward),
            dense_2: init.linear(feed_forward, width),
            dropout,
        }
    }

    /// Returns the block's output.
    ///
    /// # Panics
    /// If `x` has another width.
    pub fn forward(&self, x: Tensor<3>, mode: Mode) -> Tensor<3> {
        let [after_attention, after_dense] = self.dropout;
        let attended = self.attention.forward(self.norm_1.forward(x.clone()));
        let x = x + after_attention.forward(attended, mode);
        let hidden = gelu(self.dense_1.forward(self.norm_2.forward(x.clone())));
        x + after_dense.forward(self.dense_2.forward(hidden), mode)
    }
}
