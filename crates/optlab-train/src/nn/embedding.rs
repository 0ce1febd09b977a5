//! Rows of a table for tokens.

use burn::module::{Module, Param};
use burn::nn;
use burn::tensor::module::embedding;
use burn::tensor::{Int, Tensor};
use optlab_kernel as kernel;

/// A table with a row for each token, computed by [`kernel::embedding`].
///
/// It has the parameter of [`burn::nn::Embedding`] and is converted from it.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocabulary, width]`.
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// Returns the row of each of `tokens`, `[batch, time]`, as `[batch, time, width]`.
    ///
    /// # Panics
    /// In host memory, if a token is not in the vocabulary.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.compute(tokens, None)
    }

    /// Returns the row of each token plus the row of `positions`, `[time or more, width]`, for its place.
    ///
    /// # Panics
    /// As [`forward`](Self::forward); if there are fewer positions than places.
    pub fn forward_with_positions(&self, tokens: Tensor<2, Int>, positions: Tensor<2>) -> Tensor<3> {
        self.compute(tokens, Some(positions))
    }

    fn compute(&self, tokens: Tensor<2, Int>, positions: Option<Tensor<2>>) -> Tensor<3> {
        let weight = self.weight.val();
        if kernel::is_on_host(&weight) {
            return kernel::embedding(&tokens, weight, positions);
        }
        let time = tokens.dims()[1];
        let of_tokens = embedding(weight, tokens);
        match positions {
            Some(positions) => of_tokens + positions.narrow(0, 0, time).unsqueeze(),
            None => of_tokens,
        }
    }
}

impl From<nn::Embedding> for Embedding {
    fn from(layer: nn::Embedding) -> Self {
        Embedding { weight: layer.weight }
    }
}

impl From<Embedding> for nn::Embedding {
    fn from(layer: Embedding) -> Self {
        nn::Embedding { weight: layer.weight }
    }
}
