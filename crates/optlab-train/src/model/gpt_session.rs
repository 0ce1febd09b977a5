//! Reading one token after the other with a [`Gpt`], with the keys and values of earlier ones kept.

use crate::model::gpt::{Gpt, GptBlock, rotated};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// A sequence that a [`Gpt`] reads token by token.
///
/// The keys and values of earlier tokens are kept, so a token takes the time of one and not of the whole
/// sequence. When the context is full, the later half of it is read again as the beginning.
#[derive(Debug)]
pub struct GptSession<'a> {
    model: &'a Gpt,
    device: Device,
    tokens: Vec<usize>,
    /// Keys and values of each block, `[tokens, width]`.
    kept: Vec<[Vec<f32>; 2]>,
}

impl Gpt {
    /// Starts to read a sequence on the model's device.
    pub fn session(&self, device: &Device) -> GptSession<'_> {
        let kept = vec![Default::default(); self.blocks.len()];
        GptSession { model: self, device: device.clone(), tokens: Vec::new(), kept }
    }
}

impl GptSession<'_> {
    /// Reads a token; returns the logits of the next one.
    ///
    /// # Panics
    /// In host memory, if the token is not in the vocabulary.
    pub fn read(&mut self, token: usize) -> Vec<f32> {
        if self.tokens.len() == self.model.context() {
            let later = self.tokens.split_off(self.tokens.len().div_ceil(2));
            self.tokens.clear();
            self.kept.iter_mut().flatten().for_each(Vec::clear);
            later.into_iter().for_each(|token| _ = self.state_after(token));
        }
        let x = self.state_after(token);
        values(self.model.logits(x.reshape([1, -1])))
    }

    /// Reads a token; returns the output of the last block, `[1, 1, width]`.
    fn state_after(&mut self, token: usize) -> Tensor<3> {
        let place = self.tokens.len();
        self.tokens.push(token);
        let tokens = TensorData::new(vec![token as i32], [1, 1]);
        let tokens = Tensor::<2, Int>::from_data(tokens, &self.device);
        let model = self.model;
        let x = match &model.positions {
            Some(positions) => {
                model.tokens.forward_with_positions(tokens, positions.val().narrow(0, place, 1))
            }
            None => model.tokens.forward(tokens),
        };
        model.blocks.iter().zip(&mut self.kept).fold(x, |x, (block, kept)| block.forward_one(x, place, kept))
    }
}

impl GptBlock {
    /// Returns the block's output for the token at `place`, `[1, 1, width]`.
    fn forward_one(&self, x: Tensor<3>, place: usize, [keys, kept_values]: &mut [Vec<f32>; 2]) -> Tensor<3> {
        let width = x.dims()[2];
        let joined = self.joined.forward(self.norm_1.forward(x.clone()));
        let part = |part: usize| {
            let numbers = joined.clone().narrow(2, part * width, width);
            let is_turned = self.is_rotary() && part < 2;
            values(if is_turned { rotated(numbers, self.heads, place) } else { numbers })
        };
        let query = part(0);
        keys.extend(part(1));
        kept_values.extend(part(2));
        let attended = attended(&query, keys, kept_values, self.heads);
        let attended = Tensor::<3>::from_data(TensorData::new(attended, [1, 1, width]), &x.device());
        self.dense(self.projection.forward_add(attended, x))
    }
}

/// Returns the attention of one query to all keys; `keys` and `values` are `[places, width]`.
fn attended(query: &[f32], keys: &[f32], values: &[f32], heads: usize) -> Vec<f32> {
    let (width, size) = (query.len(), query.len() / heads);
    let mut out = vec![0.0; width];
    for head in (0..width).step_by(size) {
        let query = &query[head..head + size];
        let product = |key: &[f32]| -> f32 {
            query.iter().zip(&key[head..head + size]).map(|(query, key)| query * key).sum()
        };
        let scale = 1.0 / (size as f32).sqrt();
        let scores: Vec<f32> = keys.chunks_exact(width).map(|key| product(key) * scale).collect();
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
        let sum: f32 = weights.iter().sum();
        for (weight, value) in weights.iter().zip(values.chunks_exact(width)) {
            for (out, value) in out[head..head + size].iter_mut().zip(&value[head..head + size]) {
                *out += weight / sum * value;
            }
        }
    }
    out
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
