//! Which rule moves which parameter, and how the rules of both kinds are driven.

use super::super::around::Around;
use super::super::elementwise::{self, ElementwiseRule, Start};
use super::super::gradient_transform::GradientTransform;
use crate::kernel::{Buffer, Operands};
use burn::optim::{DynOptimizer, Optimizer};
use std::sync::Arc;

/// A rule and the parameters it is for.
#[derive(Clone)]
pub struct ParameterRule {
    applies: fn(path: &str, rank: usize) -> bool,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// Run here: all parameters that are on the host in one parallel region.
    Elementwise(Arc<dyn AnyElementwise>),
    /// Run by itself, parameter by parameter.
    Burn(Arc<dyn DynOptimizer>),
}

impl ParameterRule {
    /// Any of Burn's optimizers for the parameters that `applies` accepts, by their path in the module and their rank.
    pub fn new(rule: impl Optimizer, applies: fn(path: &str, rank: usize) -> bool) -> Self {
        ParameterRule { applies, kind: Kind::Burn(Arc::new(rule)) }
    }

    /// An element-wise rule for the parameters that `applies` accepts.
    pub fn elementwise(rule: impl ElementwiseRule, applies: fn(path: &str, rank: usize) -> bool) -> Self {
        ParameterRule { applies, kind: Kind::Elementwise(Arc::new(rule)) }
    }

    pub(super) fn applies(&self, path: &str, rank: usize) -> bool {
        (self.applies)(path, rank)
    }
}

/// What a step is made with, beside the rule and what it works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub lr: f64,
    pub transform: GradientTransform,
    /// What the gradient is multiplied by.
    pub factor: f64,
    /// Decay of the average of the weights, whose buffer is then the last one.
    pub average: Option<f64>,
}

/// An [`ElementwiseRule`] of any type.
pub(super) trait AnyElementwise: Send + Sync {
    /// The buffers in use, and how they start.
    fn starts(&self) -> Vec<(&'static str, Start)>;

    /// Step number `t` for operands that are on the host.
    fn apply_on_host(&self, operands: &mut Operands, t: u64, settings: &Settings);

    /// The parameter and the buffers after the same step, for operands anywhere, of that rank.
    fn apply_formula(
        &self,
        rank: usize,
        operands: Operands,
        t: u64,
        settings: &Settings,
    ) -> (Buffer, Vec<Buffer>);
}

impl<R: ElementwiseRule> AnyElementwise for R {
    fn starts(&self) -> Vec<(&'static str, Start)> {
        elementwise::starts(self)
    }

    fn apply_on_host(&self, operands: &mut Operands, t: u64, settings: &Settings) {
        let Settings { lr, transform, factor, average } = *settings;
        let step = self.at_step(lr, t);
        let is_plain = factor == 1.0 && average.is_none() && !transform.is_elementwise();
        if is_plain {
            operands.apply_on_host(&step);
        } else {
            operands.apply_on_host(&Around { step, transform, factor, average });
        }
    }

    fn apply_formula(
        &self,
        rank: usize,
        operands: Operands,
        t: u64,
        settings: &Settings,
    ) -> (Buffer, Vec<Buffer>) {
        let Settings { lr, transform, factor, average } = *settings;
        let step = Around { step: self.at_step(lr, t), transform, factor, average };
        match rank {
            0 => operands.apply_formula::<_, 0>(&step),
            1 => operands.apply_formula::<_, 1>(&step),
            2 => operands.apply_formula::<_, 2>(&step),
            3 => operands.apply_formula::<_, 3>(&step),
            4 => operands.apply_formula::<_, 4>(&step),
            5 => operands.apply_formula::<_, 5>(&step),
            6 => operands.apply_formula::<_, 6>(&step),
            7 => operands.apply_formula::<_, 7>(&step),
            8 => operands.apply_formula::<_, 8>(&step),
            more => panic!("a parameter of rank {more}"),
        }
    }
}
