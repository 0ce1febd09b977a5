//! Sums over the gradients of a whole model.

use crate::rule::precision::in_32_bits_at_least;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Sum, Update, Value};
use std::collections::HashSet;

/// A sum with one part on the host and one part on a device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Total {
    pub host: Option<f64>,
    pub device: Option<Tensor<1>>,
}

impl Total {
    pub fn add(&mut self, sum: Sum) {
        match sum {
            Sum::Host(sum) => self.host = Some(self.host.unwrap_or(0.0) + sum),
            Sum::Device(sum) => {
                let before = self.device.take();
                self.device = Some(before.map_or(sum.clone(), |before| before + sum));
            }
        }
    }

    /// Returns the sum; waits if a device is still computing it.
    pub fn value(&self) -> f64 {
        let on_device = self.device.clone().map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()));
        self.host.unwrap_or(0.0) + on_device
    }
}

/// Returns the sum over all elements of all gradients. `next` is called once per parameter, in the order of
/// the model, and returns the term that an element adds.
fn sum_over<M: Module, U: Update>(model: &M, gradients: &GradientsParams, next: impl FnMut() -> U) -> Total {
    let mut visitor = Add { gradients, next, seen: HashSet::new(), total: Total::default() };
    model.visit(&mut visitor);
    visitor.total
}

/// Returns whether all elements of all gradients are finite. Waits for the device that computes it.
pub(crate) fn are_finite<M: Module>(model: &M, gradients: &GradientsParams) -> bool {
    sum_over(model, gradients, || Nothing).value() == 0.0
}

/// Term of a sum: 0 for a finite number, NaN for any other.
#[derive(Debug, Clone, Copy)]
struct Nothing;

impl Update for Nothing {
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, _state: &mut [V]) -> V {
        grad.mul_scalar(0.0)
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

struct Add<'a, N> {
    gradients: &'a GradientsParams,
    /// The closure that returns the term to sum over the next parameter.
    next: N,
    /// Ids already visited: a parameter that the model has under several paths counts once.
    seen: HashSet<ParamId>,
    total: Total,
}

impl<U: Update, N: FnMut() -> U> ModuleVisitor for Add<'_, N> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let terms = (self.next)();
        let Some(grad) = self.gradients.get::<D>(param.id).filter(|_| self.seen.insert(param.id)) else {
            return;
        };
        let theta = Buffer::new(in_32_bits_at_least(param.base().inner()));
        let grad = Buffer::new(in_32_bits_at_least(grad));
        let mut operands = Operands { theta, grad, state: Vec::new() };
        let sums = operands.sums(&terms);
        sums.into_iter().for_each(|sum| self.total.add(sum));
    }
}
