//! The model that reference trajectories run on: a list of parameters of any rank.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};

/// The largest rank of a parameter.
pub(super) const HIGHEST_RANK: usize = 4;

/// Where and how a rule is run.
#[derive(Debug, Clone)]
pub struct On {
    /// The device, without gradient tracking, as [`device::open`](optlab_train::device::open) gives it.
    pub device: Device,
    /// The layout and precision of the tensors.
    pub way: Way,
}

/// The tensors that a rule runs on: each way takes another path through the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Parameters and gradients that nothing else holds.
    InPlace,
    /// Parameters that a clone of the model holds as well.
    Shared,
    /// Parameters and gradients that are transposed views, where they have two dimensions or more.
    Transposed,
    /// Parameters and gradients of 64-bit floats, which `wgpu` does not have.
    Double,
}

impl On {
    fn tensor<const D: usize>(&self, values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
        let data = TensorData::new(values.to_vec(), shape);
        let dtype = if self.way == Way::Double { DType::F64 } else { DType::F32 };
        let tensor = Tensor::<D>::from_data(data, (device, dtype));
        if self.way != Way::Transposed || D < 2 {
            return tensor;
        }
        // Stores the transpose, so that the transposed view has the values in their places.
        let transposed = tensor.swap_dims(D - 2, D - 1).into_data();
        Tensor::<D>::from_data(transposed, (device, dtype)).swap_dims(D - 2, D - 1)
    }
}

/// A parameter of rank 1 to [`HIGHEST_RANK`]. A list of them is a model whose parameters keep their order.
#[derive(Module, Debug)]
pub(super) enum Parameter {
    Rank1(Param<Tensor<1>>),
    Rank2(Param<Tensor<2>>),
    Rank3(Param<Tensor<3>>),
    Rank4(Param<Tensor<4>>),
}

macro_rules! with_tensor {
    ($parameter:expr, $tensor:ident => $body:expr) => {
        match $parameter {
            Parameter::Rank1($tensor) => $body,
            Parameter::Rank2($tensor) => $body,
            Parameter::Rank3($tensor) => $body,
            Parameter::Rank4($tensor) => $body,
        }
    };
}

impl Parameter {
    /// Returns a parameter; `None` for a shape of more than [`HIGHEST_RANK`] dimensions.
    pub fn new(values: &[f64], shape: &[usize], on: &On) -> Option<Self> {
        // The model is tracked, as in training.
        let device = on.device.clone().autodiff();
        Some(match *shape {
            // Burn has no tensors of rank 0: they become one element of rank 1.
            [] => Parameter::Rank1(Param::from_tensor(on.tensor(values, [1], &device))),
            [a] => Parameter::Rank1(Param::from_tensor(on.tensor(values, [a], &device))),
            [a, b] => Parameter::Rank2(Param::from_tensor(on.tensor(values, [a, b], &device))),
            [a, b, c] => Parameter::Rank3(Param::from_tensor(on.tensor(values, [a, b, c], &device))),
            [a, b, c, d] => Parameter::Rank4(Param::from_tensor(on.tensor(values, [a, b, c, d], &device))),
            _ => return None,
        })
    }

    /// Registers `values` as its gradient.
    pub fn register(&self, gradients: &mut GradientsParams, values: &[f64], on: &On) {
        with_tensor!(self, theta => {
            let gradient = on.tensor(values, theta.val().dims(), &on.device);
            gradients.register(theta.id, gradient);
        });
    }

    /// Returns its elements, row-major.
    pub fn values(&self) -> Vec<f64> {
        with_tensor!(self, theta => theta.val().into_data().iter::<f64>().collect())
    }
}
