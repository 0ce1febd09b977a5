//! Dense layer.

use burn::module::{Module, Param};
use burn::nn;
use burn::tensor::Tensor;
use optlab_kernel as kernel;
use optlab_kernel::Activation;

/// A dense layer with an optional ReLU, computed by [`kernel::linear`].
///
/// It has the parameters of [`burn::nn::Linear`] and is converted from it.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Activation after the layer.
    #[module(skip)]
    pub activation: Activation,
}

impl Linear {
    /// Returns the layer with a ReLU after it.
    pub fn with_relu(self) -> Self {
        Linear { activation: Activation::Relu, ..self }
    }

    /// Maps `x`, `[…, inputs]`, to `[…, outputs]`.
    ///
    /// # Panics
    /// If `x` has another number of inputs than the weight.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        if !kernel::is_on_host(&x) {
            return self.activation.forward(nn::Linear::from(self.clone()).forward(x));
        }
        let mut shape = x.dims();
        let [inputs, outputs] = self.weight.dims();
        let rows = shape.iter().product::<usize>() / shape[D - 1];
        assert_eq!(shape[D - 1], inputs, "inputs of the layer");
        shape[D - 1] = outputs;
        let bias = self.bias.as_ref().map(Param::val);
        let y = kernel::linear(x.reshape([rows, inputs]), self.weight.val(), bias, self.activation);
        y.reshape(shape)
    }
}

impl From<nn::Linear> for Linear {
    fn from(layer: nn::Linear) -> Self {
        Linear { weight: layer.weight, bias: layer.bias, activation: Activation::Identity }
    }
}

/// Drops the activation, which Burn's layer does not have.
impl From<Linear> for nn::Linear {
    fn from(layer: Linear) -> Self {
        nn::Linear { weight: layer.weight, bias: layer.bias }
    }
}
