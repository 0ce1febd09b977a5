//! The estimates that all parameters of a rule share.

use crate::around::total::Total;
use crate::driver::ParameterRule;
use crate::driver::any_rule::{AnyEstimate, SharedNumbers, StepSettings};
use crate::driver::parameters::{ParameterState, Parameters, Path};
use crate::driver::walk::StepContext;
use crate::rule::memory::Memory;
use crate::rule::precision::in_32_bits_at_least;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands};
use std::sync::Arc;

/// Returns the shared state of each rule before the first step; `None` for a rule without one.
pub(crate) fn fresh(rules: &[ParameterRule]) -> Vec<Option<Arc<SharedNumbers>>> {
    let fresh = |rule: &ParameterRule| rule.kind.estimate().map(|estimate| Arc::new(estimate.fresh()));
    rules.iter().map(fresh).collect()
}

/// Returns the shared state of each rule, advanced by one step.
pub(crate) fn advance<M: Module>(
    rules: &[ParameterRule],
    model: &M,
    gradients: &GradientsParams,
    parameters: &mut Parameters,
    step: &StepContext<'_>,
) -> Vec<Option<Arc<SharedNumbers>>> {
    let mut advanced = step.shared.to_vec();
    for (place, (rule, shared)) in rules.iter().zip(&mut advanced).enumerate() {
        let (Some(estimate), Some(before)) = (rule.kind.estimate(), &*shared) else {
            continue;
        };
        let mut now = SharedNumbers { step: before.step + 1, ..SharedNumbers::clone(before) };
        let totals = Vec::new();
        let path = Path::default();
        let mut visitor =
            Measure { path, place, estimate, gradients, parameters, step, shared: &now, totals };
        model.visit(&mut visitor);
        let sums: Vec<f64> = visitor.totals.iter().map(Total::value).collect();
        if !sums.is_empty() {
            estimate.estimate(rule.lr(step.rates), step.loss, &sums, &mut now);
            *shared = Some(Arc::new(now));
        }
    }
    advanced
}

/// Visitor that adds up the sums of the rule with index `place`.
struct Measure<'a> {
    path: Path,
    place: usize,
    estimate: &'a dyn AnyEstimate,
    gradients: &'a GradientsParams,
    parameters: &'a mut Parameters,
    step: &'a StepContext<'a>,
    shared: &'a SharedNumbers,
    totals: Vec<Total>,
}

impl ModuleVisitor for Measure<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        let is_of_rule = parameter.rule.as_ref().is_some_and(|(place, _)| *place == self.place);
        let grad = self.gradients.get::<D>(param.id).filter(|_| is_of_rule && parameter.tied_to.is_none());
        let Some(grad) = grad else {
            return;
        };
        let theta = in_32_bits_at_least(param.base().inner());
        let grad = in_32_bits_at_least(grad);
        let memory = parameter.take_memory(&theta);
        let settings = self.step.settings(parameter);
        let on_host = matches!(Buffer::new(theta.clone()), Buffer::Host(_));
        let (grad, settings) =
            if on_host { (grad, settings) } else { self.step.transformed(&theta, grad, settings) };
        let extras = parameter.beside.take_buffers(&settings.extras, &theta);
        let of_rule = memory.buffers.len();
        let mut state = memory.buffers;
        state.extend(extras);
        let mut operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state };
        let at = self.shared.at(settings.lr, settings.loss);
        let sums = self.estimate.measure(&mut operands, at, &settings);
        self.totals.resize_with(sums.len(), Total::default);
        self.totals.iter_mut().zip(sums).for_each(|(total, sum)| total.add(sum));
        let StepSettings { extras, .. } = settings;
        parameter.beside.put_buffers(&extras, &mut operands.state);
        operands.state.truncate(of_rule);
        parameter.state = Some(ParameterState::Own(Memory { buffers: operands.state, ..memory }));
    }
}
