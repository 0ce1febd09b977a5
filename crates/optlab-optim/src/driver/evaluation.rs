//! The model to evaluate while training continues.

use crate::around::{Extras, ScheduleFree};
use crate::driver::ModelOptimizer;
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{ParameterState, Parameters, Path};
use crate::rule::precision::{in_32_bits_at_least, in_type};
use crate::rules::parts::schedule_free;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use optlab_kernel::Buffer;

impl ModelOptimizer {
    /// Returns whether [`for_evaluation`](Self::for_evaluation) returns a model other than the trained one.
    pub fn has_evaluation_mode(&self) -> bool {
        let Extras { average, schedule_free, .. } = self.extras;
        let by_rule = self.rules.iter().any(|rule| rule.kind.has_evaluation());
        average.is_some() || schedule_free.is_some() || by_rule
    }

    /// Returns the model to evaluate while training continues: the model itself, the average of its weights,
    /// or the point that the rule evaluates instead of the trained one.
    ///
    /// It has the running statistics of the trained model, such as those of batch normalization;
    /// [`StatisticsAverage`](crate::driver::StatisticsAverage) recomputes them for other weights.
    pub fn for_evaluation<M: Module>(&self, model: &M) -> M {
        self.with_evaluated_parameters(model.valid())
    }

    /// Returns `model`, which is not on a device with autodiff, with this optimizer's parameters to evaluate
    /// in place of the trained ones. Networks that take turns have an optimizer each, which replace theirs
    /// one after the other.
    pub fn with_evaluated_parameters<M: Module>(&self, model: M) -> M {
        if !self.has_evaluation_mode() {
            return model;
        }
        let free = self.extras.schedule_free;
        model.map(&mut PutEvaluated { path: Path::default(), parameters: &self.parameters, free })
    }
}

impl ModelOptimizer {
    /// Takes snapshots of the weights if this step ends with one.
    pub(super) fn take_snapshots<M: Module>(&mut self, model: &M) {
        if let Some(count) = self.extras.snapshots_at(self.steps) {
            let (path, parameters) = (Path::default(), &mut self.parameters);
            model.visit(&mut TakeSnapshots { path, parameters, count });
        }
    }
}

struct TakeSnapshots<'a> {
    path: Path,
    parameters: &'a mut Parameters,
    count: usize,
}

impl ModuleVisitor for TakeSnapshots<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        if parameter.is_moved {
            parameter.beside.take_snapshot(self.count, in_32_bits_at_least(param.base().inner()));
        }
    }
}

/// Mapper that replaces each parameter by the one to evaluate with, where they differ.
struct PutEvaluated<'a> {
    path: Path,
    parameters: &'a Parameters,
    free: Option<ScheduleFree>,
}

impl ModuleMapper for PutEvaluated<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(place) = self.path.place_in(self.parameters) else {
            return param;
        };
        let parameter = &self.parameters.0[place];
        let parameter = parameter.tied_to.map_or(parameter, |place| &self.parameters.0[place]);
        let beside = &parameter.beside;
        let evaluated: Option<Tensor<D>> = if let Some(average) = &beside.average {
            Some(average.clone().into_tensor())
        } else if let Some(mean) = beside.mean_of_snapshots() {
            Some(mean)
        } else if let (Some(free), Some(fast)) = (self.free, &beside.fast) {
            let theta = in_32_bits_at_least(param.val());
            Some(schedule_free::average(theta, &fast.clone().into_tensor(), free.momentum))
        } else {
            match (parameter.kind(), &parameter.state) {
                (Some(Kind::Elementwise(rule)), Some(ParameterState::Own(memory)))
                    if rule.has_evaluation() =>
                {
                    let theta = Buffer::new(in_32_bits_at_least(param.val()));
                    rule.for_evaluation(theta, memory).map(Buffer::into_tensor)
                }
                (Some(Kind::Tensor(rule)), Some(ParameterState::Own(memory))) if rule.has_evaluation() => {
                    let theta = Buffer::new(in_32_bits_at_least(param.val()));
                    rule.for_evaluation(D, theta, memory).map(Buffer::into_tensor)
                }
                _ => None,
            }
        };
        match evaluated {
            Some(evaluated) => param.map(|theta| in_type(evaluated, theta.dtype())),
            None => param,
        }
    }
}
