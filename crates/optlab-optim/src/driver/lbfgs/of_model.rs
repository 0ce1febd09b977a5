//! A step of L-BFGS for the parameters of a model.

use super::Line;
use crate::driver::method::{Evaluate, Loss};
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{Parameters, Path};
use crate::driver::statistics::{RunningStatistics, Values};
use crate::driver::{LearningRates, Method, ModelOptimizer};
use crate::rule::precision::in_32_bits_at_least;
use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};
use optlab_kernel::Buffer;
use std::collections::HashMap;

impl ModelOptimizer {
    /// Makes one step of L-BFGS. Parameters of other rules are held during its iterations; afterwards their
    /// rules step along the gradients of the first evaluation.
    pub(crate) fn step_by_lbfgs<M: Module, E: Evaluate<M>>(
        &mut self,
        rates: LearningRates<'_>,
        model: M,
        evaluate: &mut E,
    ) -> (M, E::Measured) {
        let Method::Lbfgs(mut lbfgs) = std::mem::take(&mut self.method) else {
            unreachable!("the caller knows the method")
        };
        let statistics = self.statistics.clone().unwrap_or_default();
        let (measured, mut gradients) = evaluate.evaluate(&model);
        let latest = statistics.values(&model);
        let places = Places::of(&model, &self.parameters, &statistics, rates);
        let (loss, gradient) = (measured.loss(), places.gradient(&model, &gradients));
        if self.extras.has_running_average() {
            model.visit(&mut StartAverages { path: Path::default(), parameters: &mut self.parameters });
        }
        let point = places.values(&model);
        let mut line = LineOfModel { model, places: &places, point, statistics, latest, evaluate };
        lbfgs.iterate(rates.base, loss, gradient, &mut line);
        let LineOfModel { model, point, latest, .. } = line;
        let model = latest.put(places.put(model, &point));
        self.method = Method::Lbfgs(lbfgs);
        (self.apply_with(rates, loss, model, &mut gradients, None), measured)
    }
}

/// Returns the number of elements of `model` that L-BFGS moves.
pub(crate) fn elements<M: Module>(model: &M, parameters: &Parameters) -> usize {
    let statistics = RunningStatistics::of(model);
    Places::of(model, parameters, &statistics, 1.0.into()).of.iter().map(|(_, len, _)| len).sum()
}

/// The parameters that L-BFGS moves, in the order of the model: id, number of elements, and scale of its
/// variables: it sees `θ / s`, so that its rate for `θ` is multiplied by `s²`.
struct Places {
    of: Vec<(ParamId, usize, f64)>,
    /// Whether any of them has 64-bit floats.
    is_double: bool,
}

impl Places {
    fn of<M: Module>(
        model: &M,
        parameters: &Parameters,
        statistics: &RunningStatistics,
        rates: LearningRates<'_>,
    ) -> Self {
        let places = Places { of: Vec::new(), is_double: false };
        let mut find = Find { path: Path::default(), parameters, statistics, rates, places };
        model.visit(&mut find);
        find.places
    }

    fn gradient<M: Module>(&self, model: &M, gradients: &GradientsParams) -> Vec<f64> {
        let mut read = Read { places: self, gradients: Some(gradients), next: 0, values: Vec::new() };
        model.visit(&mut read);
        read.values
    }

    fn values<M: Module>(&self, model: &M) -> Vec<f64> {
        let mut read = Read { places: self, gradients: None, next: 0, values: Vec::new() };
        model.visit(&mut read);
        read.values
    }

    /// Returns `model` with the given values of its parameters, which are not scaled.
    fn put<M: Module>(&self, model: M, values: &[f64]) -> M {
        model.map(&mut Put { places: self, values, next: 0, put: HashMap::new() })
    }

    /// Returns `point + t scale direction`.
    fn moved(&self, point: &[f64], t: f64, direction: &[f64]) -> Vec<f64> {
        let mut moved = point.to_vec();
        let mut start = 0;
        for (_, len, scale) in &self.of {
            let range = start..start + len;
            for (value, direction) in moved[range.clone()].iter_mut().zip(&direction[range]) {
                *value += t * scale * direction;
            }
            start += len;
        }
        moved
    }
}

/// The line of an iteration, through the parameters of a model.
struct LineOfModel<'a, M, E> {
    model: M,
    places: &'a Places,
    /// The parameters at the start of the iteration.
    point: Vec<f64>,
    statistics: RunningStatistics,
    /// The running statistics after the latest evaluation.
    latest: Values,
    evaluate: &'a mut E,
}

impl<M: Module, E: Evaluate<M>> Line for LineOfModel<'_, M, E> {
    fn evaluate(&mut self, t: f64, direction: &[f64]) -> (f64, Vec<f64>) {
        let moved = self.places.moved(&self.point, t, direction);
        let model = self.latest.put(self.places.put(self.model.clone(), &moved));
        let (measured, gradients) = self.evaluate.evaluate(&model);
        self.latest = self.statistics.values(&model);
        (measured.loss(), self.places.gradient(&model, &gradients))
    }

    fn accept(&mut self, t: f64, direction: &[f64]) {
        let moved = self.places.moved(&self.point, t, direction);
        let model = self.places.put(self.model.clone(), &moved);
        // As the model holds them: rounded to its floats.
        self.point = self.places.values(&model);
    }

    fn is_double(&self) -> bool {
        self.places.is_double
    }
}

struct Find<'a> {
    path: Path,
    parameters: &'a Parameters,
    statistics: &'a RunningStatistics,
    rates: LearningRates<'a>,
    places: Places,
}

impl ModuleVisitor for Find<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &self.parameters.0[place];
        if parameter.tied_to.is_some() || self.statistics.0.contains(&param.id) {
            return;
        }
        if let Some((_, rule)) = &parameter.rule
            && matches!(rule.kind, Kind::Lbfgs)
        {
            let scale = (rule.lr(self.rates) / self.rates.base).sqrt();
            let scale = if scale.is_finite() { scale } else { 1.0 };
            self.places.of.push((param.id, parameter.shape.iter().product(), scale));
            self.places.is_double |= param.val().dtype() == DType::F64;
        }
    }
}

/// Visitor that starts the averages of the parameters, before they are moved for the first time.
struct StartAverages<'a> {
    path: Path,
    parameters: &'a mut Parameters,
}

impl ModuleVisitor for StartAverages<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        if matches!(parameter.kind(), Some(Kind::Lbfgs)) && parameter.beside.average.is_none() {
            let theta = in_32_bits_at_least(param.base().inner());
            parameter.beside.average = Some(Buffer::new(theta));
        }
    }
}

/// Visitor that reads the parameters, or their scaled gradients.
struct Read<'a> {
    places: &'a Places,
    gradients: Option<&'a GradientsParams>,
    next: usize,
    values: Vec<f64>,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some((_, len, scale)) = self.places.of.get(self.next).filter(|(id, ..)| *id == param.id) else {
            return;
        };
        self.next += 1;
        match self.gradients {
            None => self.values.extend(param.val().into_data().iter::<f64>()),
            Some(gradients) => match gradients.get::<D>(param.id) {
                None => self.values.extend(std::iter::repeat_n(0.0, *len)),
                Some(gradient) => {
                    self.values.extend(gradient.into_data().iter::<f64>().map(|value| value * scale));
                }
            },
        }
    }
}

/// Mapper that replaces the parameters.
struct Put<'a> {
    places: &'a Places,
    values: &'a [f64],
    next: usize,
    /// The new tensors by id: a parameter under several paths must stay one tensor.
    put: HashMap<ParamId, DispatchTensor>,
}

impl ModuleMapper for Put<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        if let Some(tensor) = self.put.get(&id) {
            let tensor = Tensor::from_dispatch(tensor.clone());
            return param.map(|_| tensor);
        }
        let Some((_, len, _)) = self.places.of.get(self.next).filter(|(place, ..)| *place == id) else {
            return param;
        };
        self.next += 1;
        let (values, rest) = self.values.split_at(*len);
        self.values = rest;
        param.map(|before| {
            let (dtype, device) = (before.dtype(), before.device().inner());
            let data = TensorData::new(values.to_vec(), before.dims());
            let tensor = Tensor::from_inner(Tensor::<D>::from_data(data, (&device, dtype)));
            let tensor = if before.is_require_grad() { tensor.require_grad() } else { tensor };
            self.put.insert(id, tensor.clone().into_dispatch());
            tensor
        })
    }
}
