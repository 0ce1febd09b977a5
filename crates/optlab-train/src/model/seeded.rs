//! Models of Burn's own layers, with initial weights that a seed decides.

use burn::module::{Module, ModuleMapper, Param, ParamId, ParameterValue};
use burn::tensor::{Bool, Device, Int, Tensor};
use optlab_core::random::{Purpose, stream};
use rand::Rng;
use std::collections::HashMap;

/// Returns the model that `make` creates on `device`, with initial weights that depend on `seed` alone.
///
/// Burn's initializers draw from the generator of the backend, of which a process has one, when a parameter
/// is first read. This function seeds the generator, then reads every parameter in the order of the model's
/// fields. It also numbers the parameters from 1, where Burn draws random numbers, so that a saved model has
/// the same bytes for the same seed. So call it once for a whole model: parts that two calls make would have
/// the same numbers.
///
/// # Example
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use optlab_train::model::seeded;
///
/// let device = Device::default();
/// let layer = |seed| seeded(seed, &device, |device| LinearConfig::new(4, 3).init(device));
/// let weight = |seed| layer(seed).weight.val().into_data();
/// assert!(weight(1) == weight(1) && weight(1) != weight(2));
/// ```
pub fn seeded<M: Module>(seed: u64, device: &Device, make: impl FnOnce(&Device) -> M) -> M {
    device.seed(stream(seed, Purpose::Weights, 0).next_u64());
    make(device).map(&mut Numbering::default())
}

/// Reads each parameter and gives it the next number; a parameter in two places keeps one number.
#[derive(Default)]
struct Numbering(HashMap<ParamId, u64>);

impl Numbering {
    fn number<T: ParameterValue>(&mut self, mut param: Param<T>) -> Param<T> {
        drop(param.val());
        let next = self.0.len() as u64 + 1;
        param.id = ParamId::from(*self.0.entry(param.id).or_insert(next));
        param
    }
}

impl ModuleMapper for Numbering {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.number(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.number(param)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        self.number(param)
    }
}
