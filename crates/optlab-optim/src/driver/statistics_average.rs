//! Running statistics recomputed for weights that were not trained, such as an average of the trained ones.

use crate::driver::statistics::RunningStatistics;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
use std::collections::{HashMap, HashSet};

/// The start from which one forward pass shows the weight of a batch: so large that a batch's own mean and
/// variance do not matter beside it.
const PROBE: f64 = (1_u128 << 80) as f64;

/// Recomputes the running statistics of a model from forward passes, as PyTorch's
/// `torch.optim.swa_utils.update_bn` does: the mean over the batches, each with the same weight.
///
/// The weights that an optimizer evaluates instead of the trained ones, such as an average, need statistics
/// of their own: those of the model belong to the weights of its latest steps.
///
/// It works for any layer that moves a [`RunningState`](burn::module::RunningState) `r` towards a value `b`
/// of the batch,
///
/// ```text
/// r ← (1 − m) r + m b        0 < m ≤ 1, the same in each pass
/// ```
///
/// as the batch normalizations of Burn and of `optlab-train` do. A pass that starts from `r = 0` leaves
/// `m b`, and one from a very large `r` leaves `1 − m` times it. Statistics that follow another formula, or
/// that the passes do not update, keep their trained values.
///
/// # Example
/// ```
/// use burn::module::Module;
/// use burn::nn::{BatchNorm, BatchNormConfig};
/// use burn::tensor::{Device, Tensor};
/// use optlab_optim::StatisticsAverage;
///
/// let device = Device::default().autodiff();
/// let layer = BatchNormConfig::new(1).init(&device);
/// let mut average = StatisticsAverage::new(&layer).expect("the layer has running statistics");
/// for batch in [[[0.0], [2.0]], [[6.0], [6.0]]] {
///     average.pass(|layer: &BatchNorm| _ = layer.forward(Tensor::<2>::from_floats(batch, &device)));
/// }
/// let recomputed = average.finish();
/// assert!((recomputed.running_mean.value().into_scalar::<f32>() - 3.5).abs() < 1e-5);
/// // The trained layer has the statistics that it had.
/// assert_eq!(layer.running_mean.value().into_scalar::<f32>(), 0.0);
/// ```
#[derive(Debug)]
pub struct StatisticsAverage<M> {
    /// The model, not on a device with autodiff, with all statistics 0.
    model: M,
    trained: HashMap<ParamId, Vec<f64>>,
    /// The weight `m` of a batch, by statistic; known after the first pass.
    weights: HashMap<ParamId, f64>,
    /// The sum of `m b` over the passes.
    sums: HashMap<ParamId, Vec<f64>>,
    passes: usize,
}

impl<M: Module> StatisticsAverage<M> {
    /// Prepares the statistics of a copy of `model`; `None` if it has no running statistics. `model` itself
    /// does not change.
    pub fn new(model: &M) -> Option<Self> {
        let statistics = RunningStatistics::of(model);
        if statistics.is_empty() {
            return None;
        }
        let own = model.valid();
        let mut trained = ReadNumbers { of: &statistics.0, numbers: HashMap::new() };
        own.visit(&mut trained);
        let trained = trained.numbers;
        let model = own.map(&mut Fill { of: &trained, value: 0.0 });
        Some(StatisticsAverage { model, trained, weights: HashMap::new(), sums: HashMap::new(), passes: 0 })
    }

    /// Adds the statistics of one batch. `forward` passes it through the model that it is given, in training
    /// mode on the device with autodiff; in the first pass it is called twice.
    pub fn pass(&mut self, mut forward: impl FnMut(&M)) {
        if self.passes == 0 {
            // A copy of its own, since `map` changes all clones.
            let probe = self.model.valid().map(&mut Fill { of: &self.trained, value: PROBE });
            let kept = after(probe, &self.trained, &mut forward);
            self.weights = kept.iter().filter_map(|(id, kept)| Some((*id, weight(kept)?))).collect();
        }
        for (id, of_batch) in after(self.model.clone(), &self.trained, &mut forward) {
            let sum = self.sums.entry(id).or_insert_with(|| vec![0.0; of_batch.len()]);
            sum.iter_mut().zip(of_batch).for_each(|(sum, number)| *sum += number);
        }
        self.passes += 1;
    }

    /// Returns the model, not on a device with autodiff, with the mean of the statistics over the passes.
    /// Without any pass it has the trained ones.
    pub fn finish(self) -> M {
        let StatisticsAverage { model, mut trained, weights, sums, passes } = self;
        for (id, sum) in sums {
            if let Some(weight) = weights.get(&id) {
                let divisor = weight * passes as f64;
                trained.insert(id, sum.into_iter().map(|sum| sum / divisor).collect());
            }
        }
        model.map(&mut PutNumbers(&trained))
    }
}

/// Returns the statistics after a forward pass of `model`.
fn after<M: Module>(
    model: M,
    of: &HashMap<ParamId, Vec<f64>>,
    forward: &mut impl FnMut(&M),
) -> HashMap<ParamId, Vec<f64>> {
    // `train` and `valid` give statistics that no other model shares.
    let model = model.train();
    forward(&model);
    let of = of.keys().copied().collect();
    let mut read = ReadNumbers { of: &of, numbers: HashMap::new() };
    model.valid().visit(&mut read);
    read.numbers
}

/// Returns the weight of a batch from the statistics that a pass left of [`PROBE`]; `None` if the pass did
/// not update them or the formula is another one.
fn weight(kept: &[f64]) -> Option<f64> {
    let mean = 1.0 - kept.iter().sum::<f64>() / kept.len() as f64 / PROBE;
    let is_same = |kept: &f64| (1.0 - kept / PROBE - mean).abs() < 1e-5;
    (mean > 1e-6 && mean < 1.0 + 1e-6 && kept.iter().all(is_same)).then_some(mean)
}

struct ReadNumbers<'a> {
    of: &'a HashSet<ParamId>,
    numbers: HashMap<ParamId, Vec<f64>>,
}

impl ModuleVisitor for ReadNumbers<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.of.contains(&param.id) {
            self.numbers.insert(param.id, param.base().into_data().iter::<f64>().collect());
        }
    }
}

struct Fill<'a> {
    of: &'a HashMap<ParamId, Vec<f64>>,
    value: f64,
}

impl ModuleMapper for Fill<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.of.contains_key(&param.id) {
            return param;
        }
        param.map(|tensor| tensor.zeros_like().add_scalar(self.value))
    }
}

struct PutNumbers<'a>(&'a HashMap<ParamId, Vec<f64>>);

impl ModuleMapper for PutNumbers<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(numbers) = self.0.get(&param.id) else {
            return param;
        };
        param.map(|tensor| {
            let data = TensorData::new(numbers.clone(), tensor.shape());
            Tensor::from_data(data, (&tensor.device(), tensor.dtype()))
        })
    }
}
