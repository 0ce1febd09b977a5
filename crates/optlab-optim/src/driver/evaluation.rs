//! The model to evaluate while training continues.

use crate::driver::ModelOptimizer;
use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{ParameterState, Parameters, Path};
use crate::rule::precision::{in_32_bits_at_least, in_type};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use optlab_kernel::Buffer;

impl ModelOptimizer {
    /// Returns whether [`for_evaluation`](Self::for_evaluation) returns a model other than the trained one.
    pub fn has_evaluation_mode(&self) -> bool {
        self.extras.average.is_some() || self.rules.iter().any(|rule| rule.kind.has_evaluation())
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
        model.map(&mut PutEvaluated { path: Path::default(), parameters: &self.parameters })
    }
}

/// Mapper that replaces each parameter by the one to evaluate with, where they differ.
struct PutEvaluated<'a> {
    path: Path,
    parameters: &'a Parameters,
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
        let evaluated = match (&parameter.average, parameter.kind(), &parameter.state) {
            (Some(average), _, _) => Some(average.clone()),
            (None, Some(Kind::Elementwise(rule)), Some(ParameterState::Own(memory)))
                if rule.has_evaluation() =>
            {
                let theta = Buffer::new(in_32_bits_at_least(param.val()));
                rule.for_evaluation(theta, memory)
            }
            (None, Some(Kind::Tensor(rule)), Some(ParameterState::Own(memory))) if rule.has_evaluation() => {
                let theta = Buffer::new(in_32_bits_at_least(param.val()));
                rule.for_evaluation(D, theta, memory)
            }
            _ => None,
        };
        match evaluated {
            Some(evaluated) => param.map(|theta| in_type(evaluated.into_tensor(), theta.dtype())),
            None => param,
        }
    }
}
