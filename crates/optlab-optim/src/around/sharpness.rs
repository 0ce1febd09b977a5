//! The nearby point with the largest loss, to first order: the first half of SAM and ASAM.

use crate::around::norm::{self, Factor};
use crate::driver::tracking::Tracking;
use crate::rule::precision::in_32_bits_at_least;
use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_kernel::{Buffer, Operands, Update, Value};
use std::collections::HashMap;

/// Added to the norm before dividing by it.
const NORM_EPSILON: f64 = 1e-12;

/// The distance from the parameters at which the loss is evaluated, and how the distance is measured.
///
/// ```text
/// ε = ρ s² ⊙ g / (‖s ⊙ g‖ + 1e-12)
/// s = 1                                          SAM
/// s = |θ| + η                                    ASAM
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sharpness {
    pub rho: f64,
    /// Added to the absolute value of a parameter, which scales its distance (ASAM); `None` scales all
    /// parameters alike (SAM).
    pub eta: Option<f64>,
}

impl Sharpness {
    /// Returns `model` at `θ + ε`.
    pub fn ascended<M: Module>(&self, model: &M, gradients: &GradientsParams) -> M {
        let scale = Scale(*self);
        let norm = norm::over(model, gradients, || || scale);
        let factor = Factor::over_norm(self.rho, &norm, NORM_EPSILON);
        model.clone().map(&mut Ascend { scale, factor, gradients, ascended: HashMap::new() })
    }
}

#[derive(Debug, Clone, Copy)]
struct Scale(Sharpness);

impl Scale {
    #[inline(always)]
    fn scaled<V: Value>(&self, theta: V, value: V) -> V {
        match self.0.eta {
            None => value,
            Some(eta) => theta.abs().add_scalar(eta) * value,
        }
    }
}

/// The term of the norm is the scaled gradient.
impl Update for Scale {
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, theta: V, grad: V, _state: &mut [V]) -> V {
        self.scaled(theta, grad)
    }

    /// Returns `s² ⊙ g` in place of the parameter.
    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, _state: &mut [V], _sums: &[V]) -> V {
        let once = self.scaled(theta.clone(), grad);
        self.scaled(theta, once)
    }
}

struct Ascend<'a> {
    scale: Scale,
    factor: Factor,
    gradients: &'a GradientsParams,
    /// The moved tensors by id: a parameter under several paths must stay one tensor, so that its gradients
    /// add up.
    ascended: HashMap<ParamId, DispatchTensor>,
}

impl ModuleMapper for Ascend<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(grad) = self.gradients.get::<D>(param.id) else {
            return param;
        };
        let id = param.id;
        if let Some(tensor) = self.ascended.get(&id) {
            let tensor = Tensor::from_dispatch(tensor.clone());
            return param.map(|_| tensor);
        }
        param.map(|tensor| {
            let (theta, tracking) = Tracking::strip(tensor);
            let grad = Buffer::new(in_32_bits_at_least(grad));
            let operands = Operands { theta: Buffer::new(theta.clone()), grad, state: Vec::new() };
            let direction: Tensor<D> = operands.apply(&self.scale).0.into_tensor();
            let ascended = tracking.restore(theta + self.factor.times(direction));
            self.ascended.insert(id, ascended.clone().into_dispatch());
            ascended
        })
    }
}
