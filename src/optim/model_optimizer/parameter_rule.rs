//! Which rule moves which parameter, and how the rules of all kinds are driven.

use super::super::around::Around;
use super::super::elementwise::{At, ElementwiseRule};
use super::super::gradient_transform::GradientTransform;
use super::super::memory::{Declared, Memory};
use super::super::tensor_rule::{self, TensorRule};
use crate::kernel::{Buffer, Operands, with_rank};
use burn::optim::{DynOptimizer, Optimizer};
use std::sync::Arc;

/// A rule and the parameters it is for.
#[derive(Clone)]
pub struct ParameterRule {
    applies: Arc<dyn Fn(&ParameterInfo<'_>) -> bool + Send + Sync>,
    pub(super) kind: Kind,
    pub(super) lr_factor: f64,
}

/// What a rule may be chosen by.
#[derive(Debug, Clone, Copy)]
pub struct ParameterInfo<'a> {
    /// Its path in the model: the names of the fields, with dots between them.
    pub path: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// The type of the module that holds it, as "Linear" or "Embedding".
    pub module: &'a str,
    /// Whether no parameter of two dimensions or more comes after it in the model.
    pub is_last_matrix: bool,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// Run here: all parameters that are on the host in one parallel region.
    Elementwise(Arc<dyn AnyElementwise>),
    /// Run here, parameter by parameter, in tensor operations.
    Tensor(Arc<dyn AnyTensor>),
    /// Run by Burn, parameter by parameter.
    Burn(Arc<dyn DynOptimizer>),
}

impl ParameterRule {
    /// Any of Burn's optimizers, for all parameters.
    pub fn burn(rule: impl Optimizer) -> Self {
        Self::of(Kind::Burn(Arc::new(rule)))
    }

    /// An element-wise rule, for all parameters.
    pub fn elementwise(rule: impl ElementwiseRule) -> Self {
        Self::of(Kind::Elementwise(Arc::new(rule)))
    }

    /// A rule in tensor operations, for all parameters.
    pub fn tensor(rule: impl TensorRule) -> Self {
        Self::of(Kind::Tensor(Arc::new(rule)))
    }

    fn of(kind: Kind) -> Self {
        ParameterRule { applies: Arc::new(|_| true), kind, lr_factor: 1.0 }
    }

    /// For those of its parameters that `applies` accepts.
    pub fn for_parameters(
        self,
        applies: impl Fn(&ParameterInfo<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let before = self.applies;
        ParameterRule { applies: Arc::new(move |parameter| before(parameter) && applies(parameter)), ..self }
    }

    /// With that many times the learning rate; a rule that has a factor already gets the product.
    pub fn with_lr_factor(self, factor: f64) -> Self {
        ParameterRule { lr_factor: self.lr_factor * factor, ..self }
    }

    pub(super) fn applies(&self, parameter: &ParameterInfo<'_>) -> bool {
        (self.applies)(parameter)
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

impl Settings {
    /// Those of a parameter whose learning rate is so many times the optimizer's.
    pub fn with_lr_factor(self, factor: f64) -> Self {
        Settings { lr: self.lr * factor, ..self }
    }
}

/// An [`ElementwiseRule`] of any type.
pub(super) trait AnyElementwise: Send + Sync {
    fn declared(&self, shape: &[usize]) -> Declared;

    /// Step number `memory.step` for operands that are on the host. The buffers are operands.
    fn apply_on_host(&self, operands: &mut Operands, memory: &mut Memory, settings: &Settings);

    /// The parameter and the buffers after the same step, for operands anywhere.
    fn apply_formula(
        &self,
        rank: usize,
        operands: Operands,
        memory: &mut Memory,
        settings: &Settings,
    ) -> (Buffer, Vec<Buffer>);
}

impl<R: ElementwiseRule> AnyElementwise for R {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(self, shape)
    }

    fn apply_on_host(&self, operands: &mut Operands, memory: &mut Memory, settings: &Settings) {
        let Settings { lr, transform, factor, average } = *settings;
        let elements = operands.size_on_host();
        let step = self.at_step(At { lr, t: memory.step, elements, numbers: &mut memory.numbers });
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
        memory: &mut Memory,
        settings: &Settings,
    ) -> (Buffer, Vec<Buffer>) {
        let Settings { lr, transform, factor, average } = *settings;
        let elements = operands.theta.shape().iter().product();
        let step = self.at_step(At { lr, t: memory.step, elements, numbers: &mut memory.numbers });
        let step = Around { step, transform, factor, average };
        with_rank!(rank, D => operands.apply_formula::<_, D>(&step))
    }
}

/// A [`TensorRule`] of any type.
pub(super) trait AnyTensor: Send + Sync {
    fn declared(&self, shape: &[usize]) -> Declared;

    /// The parameter after step number `memory.step`.
    fn step(&self, rank: usize, lr: f64, theta: Buffer, grad: Buffer, memory: &mut Memory) -> Buffer;
}

impl<R: TensorRule> AnyTensor for R {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(self, shape)
    }

    fn step(&self, rank: usize, lr: f64, theta: Buffer, grad: Buffer, memory: &mut Memory) -> Buffer {
        with_rank!(rank, D => {
            let (theta, grad) = (theta.into_tensor::<D>(), grad.into_tensor());
            Buffer::new(tensor_rule::step_in_memory(self, lr, theta, grad, memory))
        })
    }
}
