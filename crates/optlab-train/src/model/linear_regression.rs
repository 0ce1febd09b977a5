//! Linear regression.

use crate::model::Init;
use crate::nn::{Linear, tap};
use burn::module::Module;
use burn::tensor::Tensor;

/// Linear regression: `ŷ = x W + b`.
///
/// # Shapes
/// `x`: `[batch, features]`, `ŷ`: `[batch, 1]`.
#[derive(Module, Debug)]
pub struct LinearRegression {
    linear: Linear,
}

impl LinearRegression {
    /// Returns a regression on `features` inputs.
    pub fn new(features: usize, init: &mut Init) -> Self {
        LinearRegression { linear: init.linear(features, 1) }
    }

    /// Returns the predictions for `inputs`.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        tap("linear", self.linear.forward(inputs))
    }
}
