//! Sums over the gradients of a whole model, and what gradients are multiplied by for their sake.

use crate::around::GradientTransform;
use crate::rule::precision::in_32_bits_at_least;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Sum, Update, Value};
use std::collections::HashSet;

/// A sum of what is in the memory of the host, and of what is on a device.
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

    /// The sum, for which it waits if a device is still computing it.
    pub fn value(&self) -> f64 {
        let on_device = self.device.clone().map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()));
        self.host.unwrap_or(0.0) + on_device
    }
}

/// A number that gradients are multiplied by, where it is known.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one in a step")]
pub(crate) enum Factor {
    Host(f64),
    Device(Tensor<1>),
}

impl Factor {
    /// `numerator / (norm + epsilon)`, of a norm whose square is known. Does not wait for a device.
    pub fn over_norm(numerator: f64, squared_norm: &Total, epsilon: f64) -> Self {
        match (squared_norm.host, &squared_norm.device) {
            (None, Some(square)) => {
                Factor::Device(square.clone().sqrt().add_scalar(epsilon).recip().mul_scalar(numerator))
            }
            _ => Factor::Host(numerator / (squared_norm.value().sqrt() + epsilon)),
        }
    }

    /// The tensor, so many times.
    pub fn times<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Factor::Host(factor) => tensor.mul_scalar(*factor),
            Factor::Device(factor) => tensor * factor.clone().reshape([1; D]),
        }
    }
}

/// The sum of what an element of each gradient adds to it. `next` is called for one parameter after the other, and says
/// what that is.
pub(crate) fn sum_over<M: Module, U: Update>(
    model: &M,
    gradients: &GradientsParams,
    next: impl FnMut() -> U,
) -> Total {
    let mut visitor = Add { gradients, next, seen: HashSet::new(), total: Total::default() };
    model.visit(&mut visitor);
    visitor.total
}

/// The square of the Euclidean norm of all gradients together, each after what `next_transform` does to its elements,
/// which is called for one parameter after the other.
pub(crate) fn squared_norm<M: Module>(
    model: &M,
    gradients: &GradientsParams,
    mut next_transform: impl FnMut() -> GradientTransform,
) -> Total {
    sum_over(model, gradients, || Square { transform: next_transform() })
}

/// Whether all elements of all gradients are finite. Waits for the device that computes it.
pub(crate) fn are_finite<M: Module>(model: &M, gradients: &GradientsParams) -> bool {
    sum_over(model, gradients, || Nothing).value() == 0.0
}

/// The square of a gradient after penalties and clipping by value.
#[derive(Debug, Clone, Copy)]
struct Square {
    transform: GradientTransform,
}

impl Update for Square {
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, theta: V, grad: V, _state: &mut [V]) -> V {
        self.transform.elementwise(&theta, grad).square()
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// 0 of every finite number, and NaN of every other.
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
    /// What is summed up over the next parameter.
    next: N,
    /// What the model has by several paths counts once.
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
