use crate::error::Error;
use crate::kernel::{self, Sum, Update, Value};
use crate::range::{self, NON_NEGATIVE, POSITIVE};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Added to the norm before dividing by it, as PyTorch's `clip_grad_norm_` does.
const NORM_EPSILON: f64 = 1e-6;

/// What is done to the gradients of a whole model before the optimizer sees them: penalties, then clipping.
///
/// ```text
/// g ← g + λ₁ sign(θ) + λ₂ θ                       sign(0) = 0
/// g ← min(c, max(−c, g))                          each element
/// g ← g · min(1, C / (‖g‖ + 1e-6))                ‖g‖: the Euclidean norm of all gradients together
/// ```
///
/// | field        | symbol | default | range            |
/// |:-------------|:-------|--------:|:-----------------|
/// | `l1`         | `λ₁`   |       0 | `[0, ∞)`         |
/// | `l2`         | `λ₂`   |       0 | `[0, ∞)`         |
/// | `clip_value` | `c`    |    none | `(0, ∞)` or none |
/// | `clip_norm`  | `C`    |    none | `(0, ∞)` or none |
///
/// The penalties belong to all parameters that have a gradient, biases included; one without stays without. What is not
/// asked for costs nothing, and the norm stays on the device.
///
/// # Example
/// ```
/// use burn::{module::{Module, Param}, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab::optim::GradientTransform;
///
/// let device = Device::default();
/// let theta = Param::from_tensor(Tensor::<1>::zeros([2], &device));
/// let mut gradients = GradientsParams::new();
/// gradients.register(theta.id, Tensor::<1>::from_floats([30.0, 40.0], &device));
///
/// let transform = GradientTransform { clip_norm: Some(5.0), ..GradientTransform::default() };
/// let gradients = transform.apply(&theta, gradients);
/// let clipped: Vec<f32> = gradients.get::<1>(theta.id).unwrap().into_data().try_to_vec().unwrap();
/// assert!((clipped[0] - 3.0).abs() < 1e-5 && (clipped[1] - 4.0).abs() < 1e-5);
/// ```
///
/// # Differs from
/// Burn's `GradientClipping::Norm`, which clips each tensor by its own norm and so changes the direction of a step.
///
/// # Reference
/// Pascanu, Mikolov & Bengio, *On the difficulty of training recurrent neural networks*, 2012,
/// <https://arxiv.org/abs/1211.5063>
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GradientTransform {
    /// Weight of the L1 penalty.
    pub l1: f64,
    /// Weight of the L2 penalty.
    pub l2: f64,
    /// Largest Euclidean norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Largest absolute value of an element.
    pub clip_value: Option<f64>,
}

impl GradientTransform {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn validate(&self) -> Result<(), Error> {
        let owner = "trial";
        range::check(owner, [("l1", self.l1, NON_NEGATIVE), ("l2", self.l2, NON_NEGATIVE)])?;
        for (field, limit) in [("clip_norm", self.clip_norm), ("clip_value", self.clip_value)] {
            if let Some(limit) = limit {
                range::check(owner, [(field, limit, POSITIVE)])?;
            }
        }
        Ok(())
    }

    /// The transformed `gradients` of `model`, for an optimizer that is not a [`ModelOptimizer`](super::ModelOptimizer),
    /// which makes this part of its own pass.
    pub fn apply<M: Module>(&self, model: &M, mut gradients: GradientsParams) -> GradientsParams {
        let factor = self.norm(model, &gradients).map(|norm| self.factor(&norm));
        if *self != GradientTransform::default() {
            let factor = factor.as_ref();
            model.visit(&mut Apply { transform: self, factor, gradients: &mut gradients });
        }
        gradients
    }

    /// Whether [`elementwise`](Self::elementwise) does anything.
    pub(super) fn is_elementwise(&self) -> bool {
        self.l1 != 0.0 || self.l2 != 0.0 || self.clip_value.is_some()
    }

    /// Penalty and clipping by value, for an element or a tensor.
    #[inline(always)]
    pub(super) fn elementwise<V: Value>(&self, theta: &V, mut grad: V) -> V {
        if self.l1 != 0.0 {
            grad = theta.clone().sign().mul_scalar(self.l1) + grad;
        }
        if self.l2 != 0.0 {
            grad = theta.clone().mul_scalar(self.l2) + grad;
        }
        match self.clip_value {
            Some(limit) => grad.at_least(-limit).at_most(limit),
            None => grad,
        }
    }

    /// The whole transform of a gradient that a backend computes by itself.
    pub(super) fn transformed<const D: usize>(
        &self,
        theta: &Tensor<D>,
        grad: Tensor<D>,
        factor: Option<&Factor>,
    ) -> Tensor<D> {
        let grad = self.elementwise(theta, grad);
        match factor {
            None => grad,
            Some(Factor::Host(factor)) => grad.mul_scalar(*factor),
            Some(Factor::Device(factor)) => grad * factor.clone().reshape([1; D]),
        }
    }

    /// The Euclidean norm of all gradients together, after penalties and clipping by value; none where it is not to be
    /// clipped, or there is no gradient.
    pub(super) fn norm<M: Module>(&self, model: &M, gradients: &GradientsParams) -> Option<Norm> {
        self.clip_norm?;
        let mut norm = Norm { host: None, device: None };
        model.visit(&mut AddSquares { transform: self, gradients, norm: &mut norm });
        (norm.host.is_some() || norm.device.is_some()).then_some(norm)
    }

    /// What a gradient of that norm is multiplied by.
    pub(super) fn factor(&self, norm: &Norm) -> Factor {
        let limit = self.clip_norm.unwrap_or(f64::INFINITY);
        match (&norm.host, &norm.device) {
            (None, Some(square)) => {
                let norm = square.clone().sqrt().add_scalar(NORM_EPSILON);
                Factor::Device(norm.recip().mul_scalar(limit).clamp_max(1.0))
            }
            _ => {
                let factor = limit / (norm.value() + NORM_EPSILON);
                // Not `f64::min`, which would take a norm of NaN for a small one.
                Factor::Host(if factor > 1.0 { 1.0 } else { factor })
            }
        }
    }
}

/// The squared norm of gradients: of those in the memory of the host, and of those on a device.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    host: Option<f64>,
    device: Option<Tensor<1>>,
}

impl Norm {
    /// The norm, for which it waits if a device is still computing it.
    pub fn value(&self) -> f64 {
        let on_device = self.device.clone().map_or(0.0, |square| f64::from(square.into_scalar::<f32>()));
        (self.host.unwrap_or(0.0) + on_device).sqrt()
    }
}

/// What the gradients are multiplied by for their norm's sake.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one in a step")]
pub(super) enum Factor {
    Host(f64),
    Device(Tensor<1>),
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

struct AddSquares<'a> {
    transform: &'a GradientTransform,
    gradients: &'a GradientsParams,
    norm: &'a mut Norm,
}

impl ModuleVisitor for AddSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let transform = *self.transform;
        match kernel::sum(&Square { transform }, param.base().inner(), grad) {
            Sum::Host(square) => self.norm.host = Some(self.norm.host.unwrap_or(0.0) + square),
            Sum::Device(square) => {
                let sum = self.norm.device.take();
                self.norm.device = Some(sum.map_or(square.clone(), |sum| sum + square));
            }
        }
    }
}

struct Apply<'a> {
    transform: &'a GradientTransform,
    factor: Option<&'a Factor>,
    gradients: &'a mut GradientsParams,
}

impl ModuleVisitor for Apply<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.gradients.remove::<D>(param.id) {
            let grad = self.transform.transformed(&param.base().inner(), grad, self.factor);
            self.gradients.register(param.id, grad);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[derive(Module, Debug)]
    struct Model {
        matrix: Param<Tensor<2>>,
        vector: Param<Tensor<1>>,
        frozen: Param<Tensor<1>>,
    }

    const MATRIX: [[f32; 2]; 2] = [[1.5, -2.0], [0.0, 0.25]];
    const VECTOR: [f32; 2] = [-0.5, 3.0];
    const MATRIX_GRADIENT: [[f32; 2]; 2] = [[0.5, 4.0], [-1.0, 0.0]];
    const VECTOR_GRADIENT: [f32; 2] = [-6.0, 0.125];

    fn transformed(transform: GradientTransform) -> Vec<f64> {
        let device = Device::default();
        let autodiff = device.clone().autodiff();
        let model = Model {
            matrix: Param::from_tensor(Tensor::from_floats(MATRIX, &autodiff)),
            vector: Param::from_tensor(Tensor::from_floats(VECTOR, &autodiff)),
            frozen: Param::from_tensor(Tensor::from_floats([100.0], &autodiff)),
        };
        let mut gradients = GradientsParams::new();
        gradients.register(model.matrix.id, Tensor::<2>::from_floats(MATRIX_GRADIENT, &device));
        gradients.register(model.vector.id, Tensor::<1>::from_floats(VECTOR_GRADIENT, &device));
        let gradients = transform.apply(&model, gradients);
        assert_eq!(gradients.len(), 2, "a parameter without a gradient gets none");
        let matrix = gradients.get::<2>(model.matrix.id).unwrap().into_data();
        let vector = gradients.get::<1>(model.vector.id).unwrap().into_data();
        matrix.iter::<f64>().chain(vector.iter::<f64>()).collect()
    }

    /// The formula once more, in plain 64-bit numbers.
    fn expected(transform: GradientTransform) -> Vec<f64> {
        let theta = MATRIX.iter().flatten().chain(&VECTOR);
        let gradient = MATRIX_GRADIENT.iter().flatten().chain(&VECTOR_GRADIENT);
        let mut all: Vec<f64> = theta
            .zip(gradient)
            .map(|(&theta, &gradient)| {
                let (theta, gradient) = (f64::from(theta), f64::from(gradient));
                let sign = if theta == 0.0 { 0.0 } else { theta.signum() };
                let penalized = gradient + transform.l1 * sign + transform.l2 * theta;
                transform.clip_value.map_or(penalized, |c| penalized.max(-c).min(c))
            })
            .collect();
        if let Some(limit) = transform.clip_norm {
            let norm = all.iter().map(|g| g * g).sum::<f64>().sqrt();
            let factor = (limit / (norm + 1e-6)).min(1.0);
            all.iter_mut().for_each(|g| *g *= factor);
        }
        all
    }

    #[test]
    fn every_combination_of_penalties_and_clipping_follows_the_formula() {
        for l1 in [0.0, 0.3] {
            for l2 in [0.0, 0.7] {
                for clip_value in [None, Some(2.0), Some(100.0)] {
                    for clip_norm in [None, Some(0.5), Some(100.0)] {
                        let transform = GradientTransform { l1, l2, clip_norm, clip_value };
                        let (given, expected) = (transformed(transform), expected(transform));
                        for (given, expected) in given.iter().zip(&expected) {
                            let error = (given - expected).abs();
                            assert!(
                                error <= 1e-6 * expected.abs().max(0.1),
                                "{transform:?}: {given} {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn hand_computed_values_of_each_part() {
        let none = GradientTransform::default();
        let exact = |transform, expected: [f64; 6]| assert_eq!(transformed(transform), expected);
        exact(none, [0.5, 4.0, -1.0, 0.0, -6.0, 0.125]);
        exact(GradientTransform { l1: 0.5, ..none }, [1.0, 3.5, -1.0, 0.5, -6.5, 0.625]);
        exact(GradientTransform { l2: 2.0, ..none }, [3.5, 0.0, -1.0, 0.5, -7.0, 6.125]);
        let clip_value = Some(0.75);
        exact(GradientTransform { clip_value, ..none }, [0.5, 0.75, -0.75, 0.0, -0.75, 0.125]);
    }

    #[test]
    fn a_norm_below_the_limit_changes_nothing() {
        let transform = GradientTransform { clip_norm: Some(7.5), ..GradientTransform::default() };
        assert_eq!(transformed(transform), transformed(GradientTransform::default()));
    }

    #[test]
    fn gradients_of_zero_stay_zero_under_a_norm() {
        let device = Device::default();
        let theta = Param::from_tensor(Tensor::<1>::ones([2], &device));
        let mut gradients = GradientsParams::new();
        gradients.register(theta.id, Tensor::<1>::zeros([2], &device));
        let transform = GradientTransform { clip_norm: Some(1.0), ..GradientTransform::default() };
        let gradients = transform.apply(&theta, gradients);
        let values: Vec<f64> = gradients.get::<1>(theta.id).unwrap().into_data().iter().collect();
        assert_eq!(values, [0.0, 0.0]);
    }

    #[test]
    fn every_range_holds_at_both_ends_and_for_nan() {
        let none = GradientTransform::default();
        for value in [0.0, 1e6] {
            assert!(GradientTransform { l1: value, ..none }.validate().is_ok());
            assert!(GradientTransform { l2: value, ..none }.validate().is_ok());
        }
        for value in [-1e-9, f64::INFINITY, f64::NAN] {
            assert!(GradientTransform { l1: value, ..none }.validate().is_err());
            assert!(GradientTransform { l2: value, ..none }.validate().is_err());
        }
        for (value, allowed) in [(1e-9, true), (0.0, false), (f64::INFINITY, false), (f64::NAN, false)] {
            let value = Some(value);
            assert_eq!(GradientTransform { clip_norm: value, ..none }.validate().is_ok(), allowed);
            assert_eq!(GradientTransform { clip_value: value, ..none }.validate().is_ok(), allowed);
        }
    }
}
