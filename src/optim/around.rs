//! What goes into the same pass as the rule: the penalties and clipping of the gradient before it, the average of the
//! weights after it.

use super::GradientTransform;
use super::moments::moving_average;
use crate::kernel::{Update, Value};

/// A rule's step with everything that is around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<U> {
    pub step: U,
    pub transform: GradientTransform,
    /// What the gradient is multiplied by, for its norm's sake.
    pub factor: f64,
    /// Decay of the average of the weights, whose buffer is the last one.
    pub average: Option<f64>,
}

impl<U> Around<U> {
    #[inline(always)]
    fn gradient<V: Value>(&self, theta: &V, grad: V) -> V {
        let grad = self.transform.elementwise(theta, grad);
        if self.factor == 1.0 { grad } else { grad.mul_scalar(self.factor) }
    }
}

impl<U: Update> Update for Around<U> {
    const SUMS: usize = U::SUMS;

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let grad = self.gradient(&theta, grad);
        let of_rule = state.len() - usize::from(self.average.is_some());
        self.step.term(sum, theta, grad, &mut state[..of_rule])
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let grad = self.gradient(&theta, grad);
        let Some(decay) = self.average else {
            return self.step.update(theta, grad, state, sums);
        };
        let [of_rule @ .., average] = state else { unreachable!("the average is the last buffer") };
        let theta = self.step.update(theta, grad, of_rule, sums);
        *average = moving_average(average, theta.clone(), decay);
        theta
    }
}

/// The average of the weights by itself, for rules that are not ours to run: `theta` is the average, and the parameter
/// stands in the gradient's place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Average {
    pub decay: f64,
}

impl Update for Average {
    fn update<V: Value>(&self, average: V, theta: V, _state: &mut [V], _sums: &[V]) -> V {
        moving_average(&average, theta, self.decay)
    }
}
