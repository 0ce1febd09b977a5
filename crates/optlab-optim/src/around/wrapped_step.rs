//! The operations that run in the same pass as the rule: penalties, clipping and decay before it; a
//! threshold, slow weights and an average of the weights after it.

use crate::around::GradientTransform;
use crate::around::schedule_free::ScheduleFreeStep;
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
    /// The fast weights, which the rule moves, and the trained point between them and their average. Excludes
    /// the other two, and [`WrappedStep`]; the buffer of the fast weights follows the buffers of the rule.
    pub schedule_free: Option<ScheduleFreeStep>,
}

impl StepExtras {
    pub const NONE: Self = StepExtras {
        decay: 1.0,
        cautious_decay: 0.0,
        threshold: 0.0,
        lookahead: None,
        average: None,
        schedule_free: None,
    };

    /// Returns the number of buffers in addition to the buffers of the rule.
    pub fn buffers(&self) -> usize {
        usize::from(self.lookahead.is_some())
            + usize::from(self.average.is_some())
            + usize::from(self.schedule_free.is_some())
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

/// The operations after a rule that runs separately. If they include [`StepExtras::schedule_free`], the
/// first buffer is the parameter before the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtrasStep {
    pub extras: StepExtras,
}

impl ExtrasStep {
    #[inline(always)]
    fn after<V: Value>(&self, theta: V, state: &mut [V]) -> V {
        let Some(step) = self.extras.schedule_free else {
            return self.extras.after(theta, state);
        };
        let [trained, fast] = state else { unreachable!("the parameter before the step, the fast weights") };
        let moved = self.extras.after(theta, &mut []);
        step.follow(trained.clone(), fast, moved)
    }
}

impl Update for ExtrasStep {
    const BUFFERS: (usize, usize) = (0, MOST_EXTRA_BUFFERS);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, _grad: V, state: &mut [V], _sums: &[V]) -> V {
        self.after(theta, state)
    }
}

/// The operations after a rule that runs separately, with cautious decay. The first buffer is the point from
/// which the rule moved; those of [`ExtrasStep`] follow.
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
        self.after.after(theta, extras)
    }
}

/// The operations after a rule if only those elements of its step are kept that descend along the gradient.
/// The first buffer is the point from which the rule moved; those of [`ExtrasStep`] follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CautiousStep {
    /// Factor of the parameter before the rule.
    pub decay: f64,
    pub after: ExtrasStep,
    /// Transform of the gradient before the rule sees it.
    pub transform: GradientTransform,
    pub elements: usize,
}

impl CautiousStep {
    #[inline(always)]
    fn decayed<V: Value>(&self, before: &V) -> V {
        StepExtras { decay: self.decay, ..StepExtras::NONE }.before(before.clone())
    }

    /// Returns the rule's step, and the gradient that the rule saw.
    #[inline(always)]
    fn step<V: Value>(&self, theta: V, grad: V, before: &V) -> (V, V) {
        let grad = self.transform.elementwise(before, grad);
        (self.decayed(before) - theta, grad)
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
        let mut theta = self.decayed(before) - kept;
        if self.after.extras.needs_start() {
            theta = self.after.extras.decayed(before.clone(), theta);
        }
        self.after.after(theta, extras)
    }
}

/// The operations after a rule if the matrix keeps its norm. The first buffer is the point from which the
/// rule moved; those of [`ExtrasStep`] follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HyperballStep {
    pub after: ExtrasStep,
    pub lr: f64,
    /// The norm to keep.
    pub radius: f64,
}

/// Lower bound of the norms that [`HyperballStep`] divides by.
const LEAST_NORM: f64 = 1e-12;

impl Update for HyperballStep {
    /// `Σ θ²`, `Σ θ u` and `Σ u²`.
    const SUMS: usize = 3;

    const BUFFERS: (usize, usize) = (1, 1 + MOST_EXTRA_BUFFERS);

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, _grad: V, state: &mut [V]) -> V {
        let before = state[0].clone();
        match sum {
            0 => before.square(),
            1 => (before.clone() - theta) * before,
            _ => (before - theta).square(),
        }
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, _grad: V, state: &mut [V], sums: &[V]) -> V {
        let [before, extras @ ..] = state else { unreachable!("the parameter before the rule") };
        let [before_square, product, step_square] = sums else { unreachable!("three sums") };
        let step = before.clone() - theta;
        let norm = step_square.clone().sqrt().at_least(LEAST_NORM);
        // p = θ − k u, with k = η R / ‖u‖, so ‖p‖² = Σ θ² − 2 k Σ θ u + k² Σ u².
        let length = norm.constant(self.lr * self.radius) / norm;
        let cross = (length.clone() * product.clone()).mul_scalar(-2.0);
        let square = before_square.clone() + cross + length.clone().square() * step_square.clone();
        let scale = square.constant(self.radius) / square.at_least(0.0).sqrt().at_least(LEAST_NORM);
        let theta = (before.clone() - step * length) * scale;
        self.after.after(theta, extras)
    }
}
