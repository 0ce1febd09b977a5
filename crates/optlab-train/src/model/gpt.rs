//! A decoder-only transformer that predicts the next token.

use crate::Error;
use crate::model::{GptSpec, Init, Positions};
use crate::nn::{AttentionInput, Embedding, LargestScores, LayerNorm, Linear, attention, multiplied, tap};
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use optlab_core::range;
use optlab_kernel::Activation;

/// A decoder-only transformer (Radford et al., 2019), in the form of nanoGPT: normalized before each part,
/// with GELU, no dropout, and attention from each token to itself and those before it.
///
/// ```text
/// x = E[tokens] + P                                  P: a row for each place, unless `positions` are rotary
/// x ← x + O attention(Q, K, V),  [Q K V] = W norm(x)  in each block
/// x ← x + B gelu(A norm(x))
/// logits = norm(x) Eᵀ                                or norm(x) U if the weights are not tied
/// ```
///
/// Weights start normally distributed with the deviation 0.02, those back to the width (`O`, `B`) with
/// `0.02 / √(2 blocks)`; biases at 0.
///
/// # Shapes
/// Tokens `[batch, time]`, logits `[batch · time, vocabulary]`.
///
/// # Reference
/// Radford et al., *Language Models are Unsupervised Multitask Learners*, 2019; Karpathy, *nanoGPT*,
/// <https://github.com/karpathy/nanoGPT>
#[derive(Module, Debug)]
pub struct Gpt {
    /// The table of the tokens.
    pub tokens: Embedding,
    /// The rows of the places, `[context, width]`; none with rotary positions.
    pub positions: Option<Param<Tensor<2>>>,
    /// The blocks.
    pub blocks: Vec<GptBlock>,
    /// Normalization before the output layer.
    pub norm: LayerNorm,
    /// The output layer; none if it is the table of the tokens.
    pub output: Option<Linear>,
    #[module(skip)]
    context: usize,
}

/// A block of a [`Gpt`].
#[derive(Module, Debug)]
pub struct GptBlock {
    /// Normalization before attention.
    pub norm_1: LayerNorm,
    /// Queries, keys and values side by side.
    pub joined: Linear,
    /// The layer after the heads.
    pub projection: Linear,
    /// Normalization before the dense layers.
    pub norm_2: LayerNorm,
    /// The hidden dense layer, four times as wide.
    pub dense_1: Linear,
    /// The dense layer back to the width.
    pub dense_2: Linear,
    /// Number of heads.
    pub heads: usize,
    #[module(skip)]
    is_rotary: bool,
}

const DEVIATION: f64 = 0.02;
const EPSILON: f64 = 1e-5;

impl GptSpec {
    /// Returns a new model for sequences of up to `context` of `vocabulary` different tokens.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a size of 0, or heads that do not divide the
    /// width; with rotary positions each head has an even number.
    pub fn init(&self, vocabulary: usize, context: usize, init: &mut Init) -> Result<Gpt, Error> {
        let GptSpec { blocks, heads, width, tied, positions, bias } = *self;
        let sizes = [("vocabulary", vocabulary), ("context", context), ("blocks", blocks), ("heads", heads)];
        range::check_at_least_one("gpt", sizes)?;
        let is_rotary = positions == Positions::Rotary;
        let multiple = if is_rotary { 2 * heads } else { heads };
        if width == 0 || !width.is_multiple_of(multiple) {
            return Err(Error::invalid("gpt", "width", &format!("a multiple of {multiple}"), width));
        }
        let back = DEVIATION / (2.0 * blocks as f64).sqrt();
        let norm = |init: &mut Init| LayerNorm {
            gamma: init.constant([width], 1.0),
            beta: bias.then(|| init.constant([width], 0.0)),
            epsilon: EPSILON,
        };
        let linear = |init: &mut Init, inputs: usize, outputs: usize, deviation: f64| Linear {
            weight: init.normal([inputs, outputs], deviation),
            bias: bias.then(|| init.constant([outputs], 0.0)),
            activation: Activation::Identity,
        };
        let tokens = Embedding { weight: init.normal([vocabulary, width], DEVIATION) };
        let places = (!is_rotary).then(|| init.normal([context, width], DEVIATION));
        let block = |_| GptBlock {
            norm_1: norm(init),
            joined: linear(init, width, 3 * width, DEVIATION),
            projection: linear(init, width, width, back),
            norm_2: norm(init),
            dense_1: linear(init, width, 4 * width, DEVIATION).with_gelu(),
            dense_2: linear(init, 4 * width, width, back),
            heads,
            is_rotary,
        };
        let blocks = (0..blocks).map(block).collect();
        let norm = norm(init);
        let output = (!tied).then(|| Linear {
            weight: init.normal([width, vocabulary], DEVIATION),
            bias: None,
            activation: Activation::Identity,
        });
        Ok(Gpt { tokens, positions: places, blocks, norm, output, context })
    }
}

impl Gpt {
    /// Returns the most tokens of a sequence.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Returns the logits of the token after each of `tokens`, `[batch · time, vocabulary]`.
    ///
    /// # Panics
    /// If there are more tokens than the context has places, or one is not in the vocabulary.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        let [batch, time] = tokens.dims();
        assert!(time <= self.context, "at most {} tokens", self.context);
        let x = match &self.positions {
            Some(positions) => self.tokens.forward_with_positions(tokens, positions.val()),
            None => self.tokens.forward(tokens),
        };
        let x = self
            .blocks
            .iter()
            .enumerate()
            .fold(x, |x, (number, block)| tap(&format!("block_{}", number + 1), block.forward(x)));
        self.logits(x.reshape([(batch * time) as i32, -1]))
    }

    /// Returns the model with smaller weights of queries and keys in each head whose largest score of
    /// attention in a step exceeded `threshold`, so that it would have been `threshold` (QK-clip):
    ///
    /// ```text
    /// γ = min(1, τ / S),  W_Q ← √γ W_Q,  W_K ← √γ W_K     S: the largest score of the head, τ: the threshold
    /// ```
    ///
    /// Biases are scaled as the weights are.
    ///
    /// # Reference
    /// Kimi Team, *Kimi K2: Open Agentic Intelligence*, 2025, <https://arxiv.org/abs/2507.20534>
    pub fn with_clipped_scores(self, largest: LargestScores, threshold: f64) -> Self {
        let largest = largest.of_layers(self.blocks.len());
        let blocks = self.blocks.into_iter().zip(largest);
        let blocks = blocks.map(|(block, largest)| block.with_clipped_scores(&largest, threshold)).collect();
        Gpt { blocks, ..self }
    }

    /// Returns the logits of rows of the last block, `[rows, width]`.
    pub(super) fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        let x = self.norm.forward(rows);
        let logits = match &self.output {
            Some(output) => output.forward(x),
            None => multiplied(x, self.tokens.weight.val().transpose()),
        };
        tap("output", logits)
    }
}

impl GptBlock {
    /// Returns the block's output, of the shape of `x`, `[batch, time, width]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let joined = self.joined.forward(self.norm_1.forward(x.clone()));
        let attended = attention(self.rotated(joined), self.heads, true);
        let x = self.projection.forward_add(attended, x);
        self.dense(x)
    }

    /// Returns the output of the dense layers.
    pub(super) fn dense(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = self.dense_1.forward(self.norm_2.forward(x.clone()));
        self.dense_2.forward_add(hidden, x)
    }

    /// Does for one block what [`Gpt::with_clipped_scores`] does for all.
    fn with_clipped_scores(self, largest: &[f64], threshold: f64) -> Self {
        if largest.iter().all(|score| *score <= threshold) {
            return self;
        }
        let [_, width] = self.joined.weight.lazy_shape().dims();
        let size = width / 3 / self.heads;
        let of_head = |score: &f64| if *score > threshold { (threshold / score).sqrt() as f32 } else { 1.0 };
        let of_heads: Vec<f32> =
            largest.iter().flat_map(|score| std::iter::repeat_n(of_head(score), size)).collect();
        let of_values = vec![1.0; width / 3];
        let factors = [&of_heads[..], &of_heads, &of_values].concat();
        let factors = Tensor::<1>::from_floats(&factors[..], &self.joined.weight.lazy_device().inner());
        let Linear { weight, bias, activation } = self.joined;
        let weight = scaled(weight, factors.clone().unsqueeze());
        let bias = bias.map(|bias| scaled(bias, factors));
        GptBlock { joined: Linear { weight, bias, activation }, ..self }
    }

    pub(super) fn is_rotary(&self) -> bool {
        self.is_rotary
    }

    fn rotated(&self, joined: Tensor<3>) -> AttentionInput {
        if !self.is_rotary {
            return AttentionInput::Joined(joined);
        }
        let width = joined.dims()[2] / 3;
        let [query, key, value] = [0, 1, 2].map(|part| joined.clone().narrow(2, part * width, width));
        let [query, key] = [query, key].map(|part| rotated(part, self.heads, 0));
        AttentionInput::Separate([query, key, value])
    }
}

/// Returns `param` times `factors`, tracked as before.
fn scaled<const D: usize>(param: Param<Tensor<D>>, factors: Tensor<D>) -> Param<Tensor<D>> {
    param.map(|tensor| {
        let is_tracked = tensor.is_require_grad();
        Tensor::from_inner(tensor.inner() * factors).set_require_grad(is_tracked)
    })
}

/// Rotates each pair of numbers of a head by the token's place, the first of which is `first`:
///
/// ```text
/// (x, y) ← (x cos pφᵢ − y sin pφᵢ, x sin pφᵢ + y cos pφᵢ)        φᵢ = 10000^(−2i / size)
/// ```
///
/// The pairs are the numbers `i` of the first and of the second half.
pub(super) fn rotated(x: Tensor<3>, heads: usize, first: usize) -> Tensor<3> {
    let [batch, time, width] = x.dims();
    let (size, half) = (width / heads, width / heads / 2);
    let angle = |place: usize, pair: usize| {
        (first + place) as f64 * 10_000_f64.powf(-2.0 * pair as f64 / size as f64)
    };
    let table = |function: fn(f64) -> f64| {
        let places =
            (0..time).flat_map(|place| (0..half).map(move |pair| function(angle(place, pair)) as f32));
        let data = TensorData::new(places.collect::<Vec<f32>>(), [1, time, 1, half]);
        Tensor::<4>::from_data(data, (&x.device(), x.dtype()))
    };
    let (cos, sin) = (table(f64::cos), table(f64::sin));
    let heads = x.reshape([batch, time, heads, size]);
    let [left, right] = [0, half].map(|start| heads.clone().narrow(3, start, half));
    let new_left = left.clone() * cos.clone() - right.clone() * sin.clone();
    let new_right = left * sin + right * cos;
    Tensor::cat(vec![new_left, new_right], 3).reshape([batch, time, width])
}
