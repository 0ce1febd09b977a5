//! The operations that run in the same pass as the rule: penalties, clipping and decay before it; a
//! threshold, slow weights and an average of the weights after it.

use crate::around::GradientTransform;
use crate::rules::parts::cautious;
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::subtracted;
use optlab_kernel::{MAX_BUFFERS, Update, Value};

/// The coefficients of one step for the operations around a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepExtras {
    /// Factor of the parameter before the rule.
    pub decay: f64,
    /// Share of the parameter that is subtracted after the rule, from elements that the rule does not move
    /// away from 0.
    pub cautious_decay: f64,
    /// Amount by which absolute values shrink after the rule, down to zero.
    pub threshold: f64,
    /// Share of the distance that the slow weights move towards the parameter, which is then set to the slow
    /// weights; 0 in most steps. Their buffer follows the buffers of the rule.
    pub lookahead: Option<f64>,
    /// Decay of the average of the weights in this step. Its buffer is the last one.
    pub average: Option<f64>,
}

impl StepExtras {
    pub const NONE: Self =
        StepExtras { decay: 1.0, cautious_decay: 0.0, threshold: 0.0, lookahead: None, average: None };

    /// Returns the number of buffers in addition to the buffers of the rule.
    pub fn buffers(&self) -> usize {
        usize::from(self.lookahead.is_some()) + usize::from(self.average.is_some())
    }

    /// Returns whether any operation runs after the rule.
    pub fn has_after(&self) -> bool {
        self.threshold != 0.0 || self.needs_start() || self.buffers() > 0
    }

    /// Returns whether an operation after the rule needs the parameter before it.
    pub fn needs_start(&self) -> bool {
        self.cautious_decay != 0.0
    }

    #[inline(always)]
    pub fn before<V: Value>(&self, theta: V) -> V {
        if self.decay == 1.0 { theta } else { theta.mul_scalar(self.decay) }
    }

    /// Applies the cautious decay. `start` is the parameter that the rule moved to `theta`.
    #[inline(always)]
    fn decayed<V: Value>(&self, start: V, theta: V) -> V {
        subtracted(&start, theta, self.cautious_decay, true)
    }

    #[inline(always)]
    fn after<V: Value>(&self, mut theta: V, buffers: &mut [V]) -> V {
        if self.threshold != 0.0 {
            let shrunk = theta.clone().abs().add_scalar(-self.threshold).at_least(0.0);
            theta = theta.sign() * shrunk;
        }
        if let Some(share) = self.lookahead
            && share != 0.0
        {
            buffers[0] = moving_average(&buffers[0], theta, 1.0 - share);
            theta = buffers[0].clone();
        }
        if let Some(kept) = self.average {
            let average = &mut buffers[usize::from(self.lookahead.is_some())];
            *average = moving_average(average, theta.clone(), kept);
        }
        theta
    }
}

/// A rule's step with all operations around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrappedStep<U> {
    pub step: U,
    pub transform: GradientTransform,
    /// Factor of the gradient that clips its norm.
    pub factor: f64,
    pub extras: StepExtras,
}

impl<U> WrappedStep<U> {
    #[inline(always)]
    fn gradient<V: Value>(&self, theta: &V, grad: V) -> V {
        let grad = self.transform.elementwise(theta, grad);
        if self.factor == 1.0 { grad } else { grad.mul_scalar(self.factor) }
    }
}

/// Largest number of buffers of [`StepExtras`].
const MOST_EXTRA_BUFFERS: usize = 2;

const fn smaller(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

impl<U: Update> Update for WrappedStep<U> {
    const SUMS: usize = U::SUMS;

    const BUFFERS: (usize, usize) = (U::BUFFERS.0, smaller(U::BUFFERS.1 + MOST_EXTRA_BUFFERS, MAX_BUFFERS));

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let grad = self.gradient(&theta, grad);
        let of_rule = state.len() - self.extras.buffers();
        self.step.term(sum, self.extras.before(theta), grad, &mut state[..of_rule])
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let grad = self.gradient(&theta, grad);
        let of_rule = state.len() - self.extras.buffers();
        let (of_rule, extras) = state.split_at_mut(of_rule);
        if self.extras.needs_start() {
            let moved = self.step.update(theta.clone(), grad, of_rule, sums);
            return self.extras.after(self.extras.decayed(theta, moved), extras);
        }
        let theta = self.step.update(self.extras.before(theta), grad, of_rule, sums);
        self.extras.after(theta, extras)
    }
}

/// The operations after a rule that runs separately.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtrasStep {
    pub extras: StepExtras,
}

impl Update for ExtrasStep {
    const BUFFERS: (usize, usize) = (0, MOST_EXTRA_BUFFERS);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, _grad: V, state: &mut [V], _sums: &[V]) -> V {
        self.extras.after(theta, state)
    }
}

/// The operations after a rule that runs separately, with cautious decay. The first buffer is the parameter
/// before the rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CautiousDecayStep {
    pub after: ExtrasStep,
}

impl Update for CautiousDecayStep {
    const BUFFERS: (usize, usize) = (1, 1 + MOST_EXTRA_BUFFERS);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, _grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [start, extras @ ..] = state else { unreachable!("the parameter before the rule") };
        let theta = self.after.extras.decayed(start.clone(), theta);
        self.after.extras.after(theta, extras)
    }
}

/// The operations after a rule if only those elements of its step are kept that descend along the gradient.
/// The first buffer is the parameter before the rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CautiousStep {
    pub after: ExtrasStep,
    /// Transform of the gradient before the rule sees it.
    pub transform: GradientTransform,
    pub elements: usize,
}

impl CautiousStep {
    /// Returns the rule's step, and the gradient that the rule saw.
    #[inline(always)]
    fn step<V: Value>(&self, theta: V, grad: V, before: &V) -> (V, V) {
        let grad = self.transform.elementwise(before, grad);
        (self.after.extras.before(before.clone()) - theta, grad)
    }
}

impl Update for CautiousStep {
    const SUMS: usize = 1;

    const BUFFERS: (usize, usize) = (1, 1 + MOST_EXTRA_BUFFERS);

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let (step, grad) = self.step(theta, grad, &state[0]);
        cautious::agreement(step, grad)
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [before, extras @ ..] = state else { unreachable!("the parameter before the rule") };
        let (step, grad) = self.step(theta, grad, before);
        let longer = step.clone() / cautious::share(sums[0].clone(), self.elements);
        let kept = cautious::where_agreed(step, grad, longer);
        let mut theta = self.after.extras.before(before.clone()) - kept;
        if self.after.extras.needs_start() {
            theta = self.after.extras.decayed(before.clone(), theta);
        }
        self.after.extras.after(theta, extras)
    }
}
