//! Type-erased rules of this crate, and how one moves a parameter.

use crate::around::GradientTransform;
use crate::around::wrapped_step::{StepExtras, WrappedStep};
use crate::driver::around_rule::{apply, start_free};
use crate::rule::memory::{Declared, Memory};
use crate::rule::{
    At, Content, Curvature, ElementwiseRule, GlobalRule, GlobalStep, Rule, StateBits, TensorRule, tensor_rule,
};
use optlab_kernel::{Buffer, Operands, Rounding, Sum, Update, Value, with_rank};
use std::sync::Arc;

/// The settings of one parameter's step, other than the rule and its operands.
#[derive(Debug, Clone)]
pub(crate) struct StepSettings {
    pub lr: f64,
    /// The loss; NaN if no rule needs it.
    pub loss: f64,
    /// Element-wise transform of the gradient.
    pub transform: GradientTransform,
    /// Factor of the gradient.
    pub factor: f64,
    pub extras: StepExtras,
    /// Whether to move only the elements that descend along the gradient.
    pub cautious: bool,
    /// The Frobenius norm to keep, if it is to be kept.
    pub radius: Option<f64>,
    /// The numbers that all parameters of the rule share, and their common number of steps.
    pub shared: Option<Arc<SharedNumbers>>,
    /// The number of rows, if those without a gradient stay as they are.
    pub lazy_rows: Option<usize>,
    /// The key of the random bits with which compact buffers are rounded.
    pub rounding: Rounding,
}

impl StepSettings {
    /// Returns whether the operations after the rule need the point from which it moved.
    pub fn needs_start(&self) -> bool {
        self.cautious || self.radius.is_some() || self.extras.needs_start()
    }

    /// Returns whether the rule and the operations around it take one pass.
    pub fn is_one_pass(&self) -> bool {
        !self.cautious && self.radius.is_none() && self.extras.schedule_free.is_none()
    }
}

/// The state that all parameters of a rule share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharedNumbers {
    /// Number of steps made.
    pub step: u64,
    pub names: Vec<&'static str>,
    pub numbers: Vec<f64>,
}

impl SharedNumbers {
    pub fn at(&self, lr: f64, loss: f64) -> GlobalStep<'_> {
        GlobalStep { lr, loss, t: self.step, shared: &self.numbers }
    }
}

/// A type-erased element-wise rule.
pub(crate) trait AnyElementwise: Send + Sync {
    fn declared(&self, bits: StateBits, shape: &[usize]) -> Declared;

    /// Returns whether any of its buffers may be stored in fewer than 32 bits.
    fn is_compactable(&self) -> bool;

    /// Makes step number `memory.step`. The operands hold the rule's buffers, followed by those of
    /// [`StepSettings::extras`].
    fn apply(&self, operands: Operands, memory: &mut Memory, settings: &StepSettings) -> Operands;

    /// Returns the parameter to evaluate with, if it differs from the trained one.
    fn for_evaluation(&self, theta: Buffer, memory: &Memory) -> Option<Buffer>;

    /// Returns whether [`for_evaluation`](Self::for_evaluation) returns a parameter.
    fn has_evaluation(&self) -> bool;

    /// Returns the estimate that all parameters share, if the rule has one.
    fn estimate(&self) -> Option<&dyn AnyEstimate> {
        None
    }

    /// Returns the curvature that the rule divides by, if it has one.
    fn curvature(&self) -> Option<Curvature> {
        None
    }
}

/// An estimate that all parameters of a rule share.
pub(crate) trait AnyEstimate {
    /// Returns the shared state before the first step.
    fn fresh(&self) -> SharedNumbers;

    /// Returns the terms that a parameter adds to each of the sums: on the host one number each, on a device
    /// a tensor of one element each.
    fn measure(&self, operands: &mut Operands, at: GlobalStep<'_>, settings: &StepSettings) -> Vec<Sum>;

    /// Returns whether the rule needs the loss.
    fn needs_loss(&self) -> bool;

    /// Updates the shared numbers from the sums of a step.
    fn estimate(&self, lr: f64, loss: f64, sums: &[f64], shared: &mut SharedNumbers);
}

/// An [`ElementwiseRule`] as an [`AnyElementwise`].
pub(crate) struct Single<R>(pub R);

/// A [`GlobalRule`] as an [`AnyElementwise`].
pub(crate) struct Global<R>(pub R);

impl<R: ElementwiseRule> AnyElementwise for Single<R> {
    fn declared(&self, bits: StateBits, shape: &[usize]) -> Declared {
        Declared::of(&self.0, bits, shape)
    }

    fn is_compactable(&self) -> bool {
        is_compactable(&self.0)
    }

    fn apply(&self, operands: Operands, memory: &mut Memory, settings: &StepSettings) -> Operands {
        let elements = operands.theta.len();
        let at = At { lr: settings.lr, t: memory.step, elements, numbers: &mut memory.numbers };
        apply(self.0.at_step(at), operands, settings)
    }

    fn for_evaluation(&self, theta: Buffer, memory: &Memory) -> Option<Buffer> {
        if const { R::HAS_EVALUATION } {
            let operands = Operands { grad: theta.clone(), theta, state: memory.buffers.clone() };
            Some(operands.apply(&Evaluate(&self.0)).0)
        } else {
            evaluated(&self.0, memory)
        }
    }

    fn has_evaluation(&self) -> bool {
        R::HAS_EVALUATION || self.0.evaluated().is_some()
    }

    fn curvature(&self) -> Option<Curvature> {
        self.0.curvature()
    }
}

impl<R: GlobalRule> AnyElementwise for Global<R> {
    fn declared(&self, bits: StateBits, shape: &[usize]) -> Declared {
        Declared::of(&self.0, bits, shape)
    }

    fn is_compactable(&self) -> bool {
        is_compactable(&self.0)
    }

    fn apply(&self, operands: Operands, _memory: &mut Memory, settings: &StepSettings) -> Operands {
        let shared = settings.shared.as_ref().expect("a rule with an estimate was given none");
        apply(self.0.at_step(shared.at(settings.lr, settings.loss)), operands, settings)
    }

    fn for_evaluation(&self, _theta: Buffer, memory: &Memory) -> Option<Buffer> {
        evaluated(&self.0, memory)
    }

    fn has_evaluation(&self) -> bool {
        self.0.evaluated().is_some()
    }

    fn estimate(&self) -> Option<&dyn AnyEstimate> {
        Some(self)
    }
}

impl<R: GlobalRule> AnyEstimate for Global<R> {
    fn fresh(&self) -> SharedNumbers {
        let (names, numbers) = self.0.shared().into_iter().unzip();
        SharedNumbers { step: 0, names, numbers }
    }

    fn measure(&self, operands: &mut Operands, at: GlobalStep<'_>, settings: &StepSettings) -> Vec<Sum> {
        let mut settings = settings.clone();
        let extras = settings.extras;
        let Some(free) = extras.schedule_free else {
            let StepSettings { transform, factor, .. } = settings;
            return operands.sums(&WrappedStep { step: self.0.measure(at), transform, factor, extras });
        };
        let mut operands = operands.clone();
        let beside_rule = operands.state.split_off(operands.state.len() - extras.buffers());
        start_free(free, &mut operands, &beside_rule, &mut settings);
        let StepSettings { transform, factor, .. } = settings;
        let extras = StepExtras { decay: extras.decay, ..StepExtras::NONE };
        operands.sums(&WrappedStep { step: self.0.measure(at), transform, factor, extras })
    }

    fn needs_loss(&self) -> bool {
        R::NEEDS_LOSS
    }

    fn estimate(&self, lr: f64, loss: f64, sums: &[f64], shared: &mut SharedNumbers) {
        let mut numbers = shared.numbers.clone();
        self.0.estimate(shared.at(lr, loss), sums, &mut numbers);
        shared.numbers = numbers;
    }
}

/// Returns the buffer that holds the parameter to evaluate with, if the rule keeps one.
fn evaluated<R: Rule>(rule: &R, memory: &Memory) -> Option<Buffer> {
    let place = memory.place_of(rule.evaluated()?)?;
    Some(memory.buffers[place].clone())
}

fn is_compactable<R: Rule>(rule: &R) -> bool {
    R::STATE.iter().any(|buffer| rule.content(buffer) != Content::Exact)
}

/// The update that computes a rule's parameter for evaluation.
struct Evaluate<'a, R>(&'a R);

impl<R> Clone for Evaluate<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Evaluate<'_, R> {}

impl<R: ElementwiseRule> Update for Evaluate<'_, R> {
    fn update<V: Value>(&self, theta: V, _grad: V, state: &mut [V], _sums: &[V]) -> V {
        self.0.for_evaluation(theta, state)
    }
}

/// A type-erased [`TensorRule`].
pub(crate) trait AnyTensor: Send + Sync {
    fn declared(&self, shape: &[usize]) -> Declared;

    /// As [`TensorRule::operations`].
    fn operations(&self, shape: &[usize]) -> f64;

    /// Returns the parameter after step number `memory.step`.
    fn step(&self, rank: usize, lr: f64, theta: Buffer, grad: Buffer, memory: &mut Memory) -> Buffer;

    /// Returns the parameter to evaluate with, after at least one step, if it differs from the trained one.
    fn for_evaluation(&self, rank: usize, theta: Buffer, memory: &Memory) -> Option<Buffer>;

    /// Returns whether [`for_evaluation`](Self::for_evaluation) returns a parameter.
    fn has_evaluation(&self) -> bool;
}

impl<R: TensorRule> AnyTensor for R {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(self, StateBits::F32, shape)
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        TensorRule::operations(self, shape)
    }

    fn step(&self, rank: usize, lr: f64, theta: Buffer, grad: Buffer, memory: &mut Memory) -> Buffer {
        with_rank!(rank, D => {
            let (theta, grad) = (theta.into_tensor::<D>(), grad.into_tensor());
            Buffer::new(tensor_rule::step_in_memory(self, lr, theta, grad, memory))
        })
    }

    fn for_evaluation(&self, rank: usize, theta: Buffer, memory: &Memory) -> Option<Buffer> {
        if const { R::HAS_EVALUATION } {
            Some(with_rank!(rank, D => {
                Buffer::new(tensor_rule::evaluated(self, theta.into_tensor::<D>(), memory))
            }))
        } else {
            evaluated(self, memory)
        }
    }

    fn has_evaluation(&self) -> bool {
        R::HAS_EVALUATION || self.evaluated().is_some()
    }
}
