//! The estimate of the curvature that a rule divides by, from gradients under labels drawn from the model's
//! predictions.

use crate::driver::parameter_rule::Kind;
use crate::driver::parameters::{ParameterState, Parameters, Path};
use crate::driver::{ModelOptimizer, ParameterRule, walk};
use crate::rule::Curvature;
use crate::rule::precision::in_32_bits_at_least;
use crate::rules::parts::moments::moving_average;
use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, MAX_BUFFERS, Operands, Update, Value};

/// Returns whether any of `rules` needs a new estimate of its curvature in step `t`, counted from 1.
pub(crate) fn is_wanted(rules: &[ParameterRule], t: u64) -> bool {
    rules.iter().filter_map(|rule| rule.kind.curvature()).any(|curvature| is_due(&curvature, t))
}

fn is_due(curvature: &Curvature, t: u64) -> bool {
    (t - 1).is_multiple_of(curvature.every as u64)
}

impl ModelOptimizer {
    /// Returns whether a rule needs gradients under labels that are drawn from the model's predictions
    /// ([`Evaluate::evaluate_sampled`](crate::driver::Evaluate::evaluate_sampled)).
    pub fn needs_drawn_labels(&self) -> bool {
        self.rules.iter().any(|rule| rule.kind.curvature().is_some())
    }
}

/// The update `h ← β h + (1 − β) B g²`, with `h` passed as the parameter.
#[derive(Debug, Clone, Copy)]
struct GaussNewtonBartlett {
    beta: f64,
    examples: usize,
}

impl Update for GaussNewtonBartlett {
    #[inline(always)]
    fn update<V: Value>(&self, curvature: V, grad: V, _state: &mut [V], _sums: &[V]) -> V {
        moving_average(&curvature, grad.square().mul_scalar(self.examples as f64), self.beta)
    }
}

/// Visitor that updates the curvature of each parameter in step `t`.
pub(crate) struct UpdateCurvature<'a> {
    pub path: Path,
    pub parameters: &'a mut Parameters,
    /// The gradients of the mean loss over `examples` examples with drawn labels.
    pub sampled: &'a GradientsParams,
    pub examples: usize,
    pub t: u64,
    /// The seed of the random bits of stochastic rounding.
    pub seed: u64,
}

impl ModuleVisitor for UpdateCurvature<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        let curvature =
            parameter.kind().and_then(Kind::curvature).filter(|curvature| is_due(curvature, self.t));
        let (Some(curvature), Some(grad)) = (curvature, self.sampled.get::<D>(param.id)) else {
            return;
        };
        if parameter.tied_to.is_some() {
            return;
        }
        let mut memory = parameter.take_memory(&in_32_bits_at_least(param.base().inner()));
        let buffer = memory.place_of(curvature.buffer).expect("a rule's curvature is one of its buffers");
        let grad = Buffer::new(in_32_bits_at_least(grad));
        let update = GaussNewtonBartlett { beta: curvature.beta, examples: self.examples };
        let updated = |theta, grad| Operands { theta, grad, state: Vec::new() }.apply(&update).0;
        let after = match memory.buffers.remove(buffer) {
            Buffer::Compact(mut compact) => {
                let after = updated(compact.decoded_like(&grad), grad);
                let rounding = walk::rounding_of(self.seed, parameter, self.t);
                // The index of a buffer that no rule has together with a curvature.
                compact.encode(&after.to_floats(), rounding, MAX_BUFFERS - 1);
                Buffer::Compact(compact)
            }
            before => updated(before, grad),
        };
        memory.buffers.insert(buffer, after);
        parameter.state = Some(ParameterState::Own(memory));
    }
}
