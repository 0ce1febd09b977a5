//! The estimates that all parameters of a rule share.

use super::any_rule::{Settings, Shared};
use super::parameter_rule::{Kind, ParameterRule};
use super::parameters::{Parameters, Path, State};
use super::walk::Step;
use crate::kernel::{Buffer, Operands};
use crate::optim::memory::Memory;
use crate::optim::precision::in_32_bits_at_least;
use crate::optim::total::Total;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use std::sync::Arc;

/// Before the first step: what the parameters of each rule share, where they do.
pub(super) fn fresh(rules: &[ParameterRule]) -> Vec<Option<Arc<Shared>>> {
    let shared = rules.iter().map(|rule| match &rule.kind {
        Kind::Elementwise(rule) => rule.estimate().map(|estimate| Arc::new(estimate.fresh())),
        Kind::Tensor(_) | Kind::Burn(_) => None,
    });
    shared.collect()
}

/// The shared numbers of each rule in this step.
pub(super) fn advance<M: Module>(
    rules: &[ParameterRule],
    model: &M,
    gradients: &GradientsParams,
    parameters: &mut Parameters,
    step: &Step<'_>,
) -> Vec<Option<Arc<Shared>>> {
    let mut advanced = step.shared.to_vec();
    for (place, (rule, shared)) in rules.iter().zip(&mut advanced).enumerate() {
        let (Kind::Elementwise(kind), Some(before)) = (&rule.kind, &*shared) else {
            continue;
        };
        let Some(estimate) = kind.estimate() else {
            continue;
        };
        let mut now = Shared { step: before.step + 1, ..Shared::clone(before) };
        let totals = Vec::new();
        let path = Path::default();
        let mut visitor = Measure { path, next: 0, place, gradients, parameters, step, shared: &now, totals };
        model.visit(&mut visitor);
        let sums: Vec<f64> = visitor.totals.iter().map(Total::value).collect();
        if !sums.is_empty() {
            estimate.estimate(step.lr * rule.lr_factor, &sums, &mut now);
            *shared = Some(Arc::new(now));
        }
    }
    advanced
}

/// Adds up the sums of the rule at `place`.
struct Measure<'a> {
    path: Path,
    next: usize,
    place: usize,
    gradients: &'a GradientsParams,
    parameters: &'a mut Parameters,
    step: &'a Step<'a>,
    shared: &'a Shared,
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
        let place = self.parameters.find(self.path.text(), self.next).expect("a parameter of this model");
        self.next = place + 1;
        let parameter = &mut self.parameters.0[place];
        let Some((rule_place, rule)) = parameter.rule.clone() else {
            return;
        };
        let Kind::Elementwise(kind) = &rule.kind else {
            return;
        };
        let (Some(estimate), Some(grad)) = (kind.estimate(), self.gradients.get::<D>(param.id)) else {
            return;
        };
        if rule_place != self.place || parameter.tied_to.is_some() {
            return;
        }
        let theta = in_32_bits_at_least(param.base().inner());
        let grad = in_32_bits_at_least(grad);
        let memory = parameter.take_memory(&theta);
        let settings = self.step.settings(parameter);
        let on_host = matches!(Buffer::new(theta.clone()), Buffer::Host(_));
        let (grad, settings) =
            if on_host { (grad, settings) } else { self.step.transformed(&theta, grad, settings) };
        let beside = parameter.take_beside(&settings.beside, &theta);
        let of_rule = memory.buffers.len();
        let mut state = memory.buffers;
        state.extend(beside);
        let mut operands = Operands { theta: Buffer::new(theta), grad: Buffer::new(grad), state };
        let at = self.shared.at(settings.lr);
        let sums = estimate.measure(&mut operands, at, &settings);
        self.totals.resize_with(sums.len(), Total::default);
        self.totals.iter_mut().zip(sums).for_each(|(total, sum)| total.add(sum));
        let Settings { beside, .. } = settings;
        parameter.put_beside(&beside, &mut operands.state);
        operands.state.truncate(of_rule);
        parameter.state = Some(State::Own(Memory { buffers: operands.state, ..memory }));
    }
}
