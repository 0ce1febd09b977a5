//! Type-erased rules of this crate, and how one moves a parameter.

use crate::around::GradientTransform;
use crate::around::wrapped_step::{CautiousStep, ExtrasStep, StepExtras, WrappedStep};
use crate::rule::memory::{Declared, Memory};
use crate::rule::{At, Curvature, ElementwiseRule, GlobalRule, GlobalStep, TensorRule, tensor_rule};
use optlab_kernel::{Buffer, Operands, Sum, Update, Value, with_rank};
use std::sync::Arc;

/// The settings of one parameter's step, other than the rule and its operands.
#[derive(Debug, Clone)]
pub(crate) struct StepSettings {
    pub lr: f64,
    /// Element-wise transform of the gradient.
    pub transform: GradientTransform,
    /// Factor of the gradient.
    pub factor: f64,
    pub extras: StepExtras,
    /// Whether to move only the elements that descend along the gradient.
    pub cautious: bool,
    /// The numbers that all parameters of the rule share, and their common number of steps.
    pub shared: Option<Arc<SharedNumbers>>,
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
    pub fn at(&self, lr: f64) -> GlobalStep<'_> {
        GlobalStep { lr, t: self.step, shared: &self.numbers }
    }
}

/// A type-erased element-wise rule.
pub(crate) trait AnyElementwise: Send + Sync {
    fn declared(&self, shape: &[usize]) -> Declared;

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

    /// Updates the shared numbers from the sums of a step.
    fn estimate(&self, lr: f64, sums: &[f64], shared: &mut SharedNumbers);
}

/// An [`ElementwiseRule`] as an [`AnyElementwise`].
pub(crate) struct Single<R>(pub R);

/// A [`GlobalRule`] as an [`AnyElementwise`].
pub(crate) struct Global<R>(pub R);

impl<R: ElementwiseRule> AnyElementwise for Single<R> {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(&self.0, shape)
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
            None
        }
    }

    fn has_evaluation(&self) -> bool {
        R::HAS_EVALUATION
    }

    fn curvature(&self) -> Option<Curvature> {
        self.0.curvature()
    }
}

impl<R: GlobalRule> AnyElementwise for Global<R> {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(&self.0, shape)
    }

    fn apply(&self, operands: Operands, _memory: &mut Memory, settings: &StepSettings) -> Operands {
        let shared = settings.shared.as_ref().expect("a rule with an estimate was given none");
        apply(self.0.at_step(shared.at(settings.lr)), operands, settings)
    }

    fn for_evaluation(&self, _theta: Buffer, _memory: &Memory) -> Option<Buffer> {
        None
    }

    fn has_evaluation(&self) -> bool {
        false
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
        let StepSettings { transform, factor, extras, .. } = *settings;
        let measure = WrappedStep { step: self.0.measure(at), transform, factor, extras };
        operands.sums(&measure)
    }

    fn estimate(&self, lr: f64, sums: &[f64], shared: &mut SharedNumbers) {
        let mut numbers = shared.numbers.clone();
        self.0.estimate(shared.at(lr), sums, &mut numbers);
        shared.numbers = numbers;
    }
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

/// Makes a rule's step with all operations around it.
fn apply<U: Update>(step: U, mut operands: Operands, settings: &StepSettings) -> Operands {
    let StepSettings { transform, factor, extras, cautious, .. } = *settings;
    if !cautious {
        let is_plain = factor == 1.0 && extras == StepExtras::NONE && !transform.is_elementwise();
        return if is_plain {
            run(&step, operands)
        } else {
            run(&WrappedStep { step, transform, factor, extras }, operands)
        };
    }
    let of_rule = operands.state.len() - extras.buffers();
    let beside_rule = operands.state.split_off(of_rule);
    let before = operands.theta.clone();
    let decay_alone = StepExtras { decay: extras.decay, ..StepExtras::NONE };
    let moved = run(&WrappedStep { step, transform, factor, extras: decay_alone }, operands);
    let Operands { theta, grad, state } = moved;
    let mut operands = after(theta, grad, Some(before), beside_rule, settings);
    let beside_rule = std::mem::replace(&mut operands.state, state);
    operands.state.extend(beside_rule);
    operands
}

/// Applies the operations after a rule. `before` is the parameter before the rule, if the step is cautious;
/// `state` holds the buffers of [`StepExtras`].
pub(crate) fn after(
    theta: Buffer,
    grad: Buffer,
    before: Option<Buffer>,
    mut state: Vec<Buffer>,
    settings: &StepSettings,
) -> Operands {
    let after = ExtrasStep { extras: settings.extras };
    let Some(before) = before else {
        return run(&after, Operands { theta, grad, state });
    };
    let elements = theta.len();
    state.insert(0, before);
    let cautious = CautiousStep { after, transform: settings.transform, elements };
    let mut operands = run(&cautious, Operands { theta, grad, state });
    operands.state.remove(0);
    operands
}

fn run<U: Update>(update: &U, mut operands: Operands) -> Operands {
    if operands.are_on_host() {
        operands.apply_on_host(update);
        return operands;
    }
    let grad = operands.grad.clone();
    let (theta, state) = operands.apply_formula(update);
    Operands { theta, grad, state }
}

/// A type-erased [`TensorRule`].
pub(crate) trait AnyTensor: Send + Sync {
    fn declared(&self, shape: &[usize]) -> Declared;

    /// As [`TensorRule::operations`].
    fn operations(&self, shape: &[usize]) -> f64;

    /// Returns the parameter after step number `memory.step`.
    fn step(&self, rank: usize, lr: f64, theta: Buffer, grad: Buffer, memory: &mut Memory) -> Buffer;
}

impl<R: TensorRule> AnyTensor for R {
    fn declared(&self, shape: &[usize]) -> Declared {
        Declared::of(self, shape)
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
}
