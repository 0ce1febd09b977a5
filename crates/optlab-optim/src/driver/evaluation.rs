//! The model to evaluate while training continues.

use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{ParameterState, Parameters, Path};
use crate::rule::precision::{in_32_bits_at_least, in_type};
use burn::module::{ModuleMapper, Param};
use burn::tensor::Tensor;
use optlab_kernel::Buffer;

/// Mapper that replaces each parameter by the one to evaluate with, where they differ.
pub(crate) struct PutEvaluated<'a> {
    pub path: Path,
    pub parameters: &'a Parameters,
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
            _ => None,
        };
        match evaluated {
            Some(evaluated) => param.map(|theta| in_type(evaluated.into_tensor(), theta.dtype())),
            None => param,
        }
    }
}
