//! Dense layer.

use burn::module::{Module, Param};
use burn::nn;
use burn::tensor::Tensor;
use optlab_kernel as kernel;
use optlab_kernel::Activation;

/// A dense layer with an optional activation, computed by [`kernel::linear`].
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

    /// Returns the layer with a GELU after it.
    pub fn with_gelu(self) -> Self {
        Linear { activation: Activation::Gelu, ..self }
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

    /// Maps `x`, `[…, inputs]`, and adds the result to `residual`, `[…, outputs]`.
    ///
    /// # Panics
    /// If `x` has another number of inputs than the weight, or the residual another shape than the result.
    pub fn forward_add<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        if self.activation != Activation::Identity || !kernel::is_on_host(&x) {
            return residual + self.forward(x);
        }
        let shape = residual.dims();
        let [inputs, outputs] = self.weight.dims();
        let rows = shape.iter().product::<usize>() / outputs;
        let bias = self.bias.as_ref().map(Param::val);
        let (x, residual) = (x.reshape([rows, inputs]), residual.reshape([rows, outputs]));
        kernel::linear_add(x, self.weight.val(), bias, residual).reshape(shape)
    }
}

/// Returns the product of rows `[rows, inputs]` and a weight `[inputs, outputs]` that is not a layer's own.
pub(crate) fn multiplied(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    if kernel::is_on_host(&x) {
        return kernel::linear(x, weight, None, Activation::Identity);
    }
    x.matmul(weight)
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
