//! Running statistics: tensors of a model that forward passes update instead of an optimizer, such as the
//! means and variances of batch normalization.

use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
use std::collections::{HashMap, HashSet};

/// The statistics of a model: its [`RunningState`](burn::module::RunningState)s of floats, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningStatistics(pub HashSet<ParamId>);

/// The tensors of running statistics at some time.
#[derive(Default)]
pub(crate) struct Values(HashMap<ParamId, DispatchTensor>);

impl RunningStatistics {
    /// Finds the statistics of `model`.
    pub fn of<M: Module>(model: &M) -> Self {
        // A visitor sees a statistic as it sees a parameter. But clones of a model share statistics, and no
        // parameters: a change of a clone shows which is which.
        let own = model.valid();
        let shapes = Shapes::of(&own);
        let _changed = own.clone().map(&mut OtherShape);
        let differs = |(id, shape): (ParamId, Vec<usize>)| (shapes.0[&id] != shape).then_some(id);
        RunningStatistics(Shapes::of(&own).0.into_iter().filter_map(differs).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the values of the statistics, the latest forward pass included.
    pub fn values<M: Module>(&self, model: &M) -> Values {
        if self.is_empty() {
            return Values::default();
        }
        synchronize_statistics(model);
        let mut read = Read { of: self, values: Values::default() };
        model.visit(&mut read);
        read.values
    }
}

/// Includes the latest forward pass in the running statistics of `model`, in place. Burn's layers hold an
/// update back until the next one, and a record of the model would miss it.
pub fn synchronize_statistics<M: Module>(model: &M) {
    // The one operation on any module that does it.
    let _copy = model.valid();
}

/// Calls `measure` with `model`, and returns the model with the running statistics from before, and the
/// result: a measurement passes batches forward, and the trained model must not notice.
pub fn with_statistics_kept<M: Module, R>(model: M, measure: impl FnOnce(&M) -> R) -> (M, R) {
    let values = RunningStatistics::of(&model).values(&model);
    let result = measure(&model);
    if values.0.is_empty() {
        return (model, result);
    }
    synchronize_statistics(&model);
    (values.put(model), result)
}

impl Values {
    /// Puts the values into `model` and its clones. No forward pass may have happened since the latest
    /// [`RunningStatistics::values`] or [`synchronize_statistics`].
    pub fn put<M: Module>(&self, model: M) -> M {
        if self.0.is_empty() { model } else { model.map(&mut Put(self)) }
    }
}

/// The shapes of a model's float tensors.
#[derive(Default)]
struct Shapes(HashMap<ParamId, Vec<usize>>);

impl Shapes {
    fn of<M: Module>(model: &M) -> Self {
        let mut shapes = Shapes::default();
        model.visit(&mut shapes);
        shapes
    }
}

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.lazy_shape().to_vec());
    }
}

struct OtherShape;

impl ModuleMapper for OtherShape {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let side = if param.lazy_shape().num_elements() == 1 { 2 } else { 1 };
        // Data and no operation: one that is computed later, or without elements, would be fused with those
        // of the step on `wgpu`.
        let data = TensorData::zeros::<f32, _>([side; D]);
        param.map(|tensor| Tensor::from_data(data, &tensor.device()))
    }
}

struct Read<'a> {
    of: &'a RunningStatistics,
    values: Values,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.of.0.contains(&param.id) {
            self.values.0.insert(param.id, param.base().into_dispatch());
        }
    }
}

struct Put<'a>(&'a Values);

impl ModuleMapper for Put<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.0.get(&param.id) {
            Some(value) => param.map(|_| Tensor::from_dispatch(value.clone())),
            None => param,
        }
    }
}
