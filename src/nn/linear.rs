use crate::kernel::{self, Activation};
use burn::module::{Module, Param};
use burn::nn;
use burn::tensor::Tensor;

/// A dense layer, of which a ReLU can be a part: [`kernel::linear`].
///
/// Its parameters are those of [`burn::nn::Linear`], from which it is made.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// What follows.
    #[module(skip)]
    pub activation: Activation,
}

impl Linear {
    /// The layer with a ReLU after it.
    pub fn with_relu(self) -> Self {
        Linear { activation: Activation::Relu, ..self }
    }

    /// `x`, `[…, inputs]`, to `[…, outputs]`.
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

/// Without the activation, which is no part of Burn's layer.
impl From<Linear> for nn::Linear {
    fn from(layer: Linear) -> Self {
        nn::Linear { weight: layer.weight, bias: layer.bias }
    }
}
