//! Changes of a model's gradients before the optimizer sees them: penalties, centralization and clipping.

use crate::Error;
use crate::around::norm::{self, Factor, Norm};
use crate::rule::precision::in_32_bits_at_least;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use optlab_kernel::{Update, Value};
use std::collections::HashSet;

/// Added to the norm before dividing by it, as PyTorch's `clip_grad_norm_` does.
const NORM_EPSILON: f64 = 1e-6;

/// Changes of the gradients of a whole model before the optimizer sees them: penalties, then clipping.
///
/// ```text
/// g ← g + λ₁ sign(θ) + λ₂ θ                       sign(0) = 0
/// g ← min(c, max(−c, g))                          each element
/// gᵢ ← gᵢ − mean(gᵢ)                              centralize: for each output i of a matrix or kernel
/// gᵢ ← gᵢ · min(1, a max(‖θᵢ‖, 1e-3) / ‖gᵢ‖)      for each output i; for a vector as a whole
/// g ← g · min(1, T / (‖g‖ + 1e-6))                ‖g‖: the norm of each tensor
/// g ← g · min(1, C / (‖g‖ + 1e-6))                ‖g‖: the Euclidean norm of all gradients together
/// ```
///
/// | field              | symbol | default | range            |
/// |:-------------------|:-------|--------:|:-----------------|
/// | `l1`               | `λ₁`   |       0 | `[0, ∞)`         |
/// | `l2`               | `λ₂`   |       0 | `[0, ∞)`         |
/// | `clip_value`       | `c`    |    none | `(0, ∞)` or none |
/// | `centralize`       |        |   false | true or false    |
/// | `adaptive_clip`    | `a`    |    none | `(0, ∞)` or none |
/// | `clip_tensor_norm` | `T`    |    none | `(0, ∞)` or none |
/// | `clip_norm`        | `C`    |    none | `(0, ∞)` or none |
///
/// `grokfast` and `variance_reduced` combine each gradient with earlier ones before any of this.
///
/// The penalties apply to all parameters that have a gradient, biases included, unless their
/// [`ParameterRule`](crate::driver::ParameterRule) excludes them; a parameter without a gradient gets none.
/// Options that are not set cost nothing, and the norm stays on the device. Penalties, clipping by value and
/// clipping by the norm of all gradients run in the pass that moves the parameter; the others are tensor
/// operations before it.
///
/// # Shapes
/// An output is a column of a matrix, since Burn's linear layers store `[d_input, d_output]`. For a tensor of
/// more dimensions, such as the kernels `[out, in, height, width]` of a convolution, it is an index of the
/// first dimension.
///
/// # Example
/// ```
/// use burn::{module::{Module, Param}, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::GradientTransform;
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
/// Burn's `GradientClipping::Norm`, which clips each tensor by its own norm and thereby changes the direction
/// of a step.
///
/// # Reference
/// Pascanu, Mikolov & Bengio, *On the difficulty of training recurrent neural networks*, 2012,
/// <https://arxiv.org/abs/1211.5063> (norm); Yong et al., *Gradient Centralization*, 2020,
/// <https://arxiv.org/abs/2004.01461>; Brock et al., *High-Performance Large-Scale Image Recognition Without
/// Normalization*, 2021, <https://arxiv.org/abs/2102.06171>, eq. 3 (adaptive clipping)
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
    /// Whether to subtract the mean of each output's gradient.
    pub centralize: bool,
    /// Largest norm of an output's gradient, relative to the norm of its parameters.
    pub adaptive_clip: Option<f64>,
    /// Largest Euclidean norm of each gradient separately.
    pub clip_tensor_norm: Option<f64>,
}

impl GradientTransform {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn validate(&self) -> Result<(), Error> {
        let owner = "trial";
        range::check(owner, [("l1", self.l1, NON_NEGATIVE), ("l2", self.l2, NON_NEGATIVE)])?;
        for (field, limit) in [
            ("clip_norm", self.clip_norm),
            ("clip_value", self.clip_value),
            ("adaptive_clip", self.adaptive_clip),
            ("clip_tensor_norm", self.clip_tensor_norm),
        ] {
            if let Some(limit) = limit {
                range::check(owner, [(field, limit, POSITIVE)])?;
            }
        }
        Ok(())
    }

    /// Combines the two transforms.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if both set the same field.
    pub(crate) fn merged(self, other: Self) -> Result<Self, Error> {
        fn one_of<T: Copy + PartialEq + std::fmt::Debug>(
            field: &str,
            [ours, theirs]: [T; 2],
            unset: T,
        ) -> Result<T, Error> {
            match (ours == unset, theirs == unset) {
                (_, true) => Ok(ours),
                (true, false) => Ok(theirs),
                (false, false) => {
                    let reason = "is set twice: by the training and by a wrapper, or by two wrappers";
                    Err(Error::Usage(format!("`{field}` {reason}")))
                }
            }
        }
        Ok(GradientTransform {
            l1: one_of("l1", [self.l1, other.l1], 0.0)?,
            l2: one_of("l2", [self.l2, other.l2], 0.0)?,
            clip_norm: one_of("clip_norm", [self.clip_norm, other.clip_norm], None)?,
            clip_value: one_of("clip_value", [self.clip_value, other.clip_value], None)?,
            centralize: self.centralize || other.centralize,
            adaptive_clip: one_of("adaptive_clip", [self.adaptive_clip, other.adaptive_clip], None)?,
            clip_tensor_norm: {
                one_of("clip_tensor_norm", [self.clip_tensor_norm, other.clip_tensor_norm], None)?
            },
        })
    }

    /// Returns the transformed `gradients` of `model`. This is for optimizers other than
    /// [`ModelOptimizer`](crate::driver::ModelOptimizer), which applies the transform in its own pass.
    pub fn apply<M: Module>(&self, model: &M, mut gradients: GradientsParams) -> GradientsParams {
        let transform = self.apply_by_tensor(model, &mut gradients, || *self);
        let factor =
            transform.clip_norm.map(|_| transform.factor(&norm_of(model, &gradients, || || transform)));
        if transform != GradientTransform::default() {
            let factor = factor.as_ref();
            model.visit(&mut Apply { transform: &transform, factor, gradients: &mut gradients });
        }
        gradients
    }

    /// Applies the parts that are not element-wise, and everything before them, to `gradients`, and returns
    /// the transform that remains to be applied. `next_transform` is called once per parameter, in the order
    /// of the model.
    pub(crate) fn apply_by_tensor<M: Module>(
        &self,
        model: &M,
        gradients: &mut GradientsParams,
        next_transform: impl FnMut() -> Self,
    ) -> Self {
        if !self.centralize && self.adaptive_clip.is_none() && self.clip_tensor_norm.is_none() {
            return *self;
        }
        model.visit(&mut ApplyByTensor { next_transform, gradients, seen: HashSet::new() });
        GradientTransform { clip_norm: self.clip_norm, ..GradientTransform::default() }
    }

    /// Returns the transform without its penalties.
    pub(crate) fn without_penalties(self) -> Self {
        GradientTransform { l1: 0.0, l2: 0.0, ..self }
    }

    fn by_tensor<const D: usize>(&self, theta: Tensor<D>, grad: Tensor<D>) -> Tensor<D> {
        let mut grad = self.elementwise(&theta, grad);
        if self.centralize && D >= 2 {
            let outputs = grad.dims()[if D == 2 { 1 } else { 0 }];
            let inputs = grad.shape().num_elements() / outputs.max(1);
            grad = grad.clone() - norm::by_output(grad, Tensor::sum_dim).div_scalar(inputs as f64);
        }
        if let Some(share) = self.adaptive_clip {
            let limit = norm::of_outputs(theta).clamp_min(LEAST_NORM).mul_scalar(share);
            // The lower bound avoids a division by zero: a gradient of zeros stays zero.
            let norm = norm::of_outputs(grad.clone()).clamp_min(f64::from(f32::MIN_POSITIVE));
            let factor = (limit / norm).clamp_max(1.0);
            grad = grad * factor;
        }
        if let Some(limit) = self.clip_tensor_norm {
            let norm = norm::of_tensor(grad.clone()).add_scalar(NORM_EPSILON);
            let factor = norm.recip().mul_scalar(limit).clamp_max(1.0);
            grad = grad * factor.reshape([1; D]);
        }
        grad
    }

    /// Returns whether [`elementwise`](Self::elementwise) changes anything.
    pub(crate) fn is_elementwise(&self) -> bool {
        self.l1 != 0.0 || self.l2 != 0.0 || self.clip_value.is_some()
    }

    /// Applies the penalties and the clipping by value to an element or a tensor.
    #[inline(always)]
    pub(crate) fn elementwise<V: Value>(&self, theta: &V, mut grad: V) -> V {
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

    /// Applies the element-wise part, then `factor`, to one gradient with tensor operations.
    pub(crate) fn transformed<const D: usize>(
        &self,
        theta: &Tensor<D>,
        grad: Tensor<D>,
        factor: Option<&Factor>,
    ) -> Tensor<D> {
        let grad = self.elementwise(theta, grad);
        match factor {
            None => grad,
            Some(factor) => factor.times(grad),
        }
    }

    /// Returns the factor that clips gradients with the given norm.
    pub(crate) fn factor(&self, norm: &Norm) -> Factor {
        let limit = self.clip_norm.unwrap_or(f64::INFINITY);
        match Factor::over_norm(limit, norm, NORM_EPSILON) {
            // Not `f64::min`, which would turn a factor of NaN into 1.
            Factor::Host(factor) => Factor::Host(if factor > 1.0 { 1.0 } else { factor }),
            Factor::Device(factor) => Factor::Device(factor.clamp_max(1.0)),
        }
    }
}

/// Lower bound of a parameter's norm in [`GradientTransform::adaptive_clip`], as in its authors' code.
const LEAST_NORM: f64 = 1e-3;

/// Returns the Euclidean norm of all gradients together, after element-wise transforms. The result of `each`
/// is called once per parameter, in the order of the model, and returns its transform.
pub(crate) fn norm_of<M: Module, N: FnMut() -> GradientTransform>(
    model: &M,
    gradients: &GradientsParams,
    each: impl Fn() -> N,
) -> Norm {
    norm::over(model, gradients, || {
        let mut next = each();
        move || Transformed(next())
    })
}

/// Term of a sum: a gradient after penalties and clipping by value.
#[derive(Debug, Clone, Copy)]
struct Transformed(GradientTransform);

impl Update for Transformed {
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, theta: V, grad: V, _state: &mut [V]) -> V {
        self.0.elementwise(&theta, grad)
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

struct ApplyByTensor<'a, N> {
    next_transform: N,
    gradients: &'a mut GradientsParams,
    /// Ids already visited: a parameter that the model has under several paths is transformed once.
    seen: HashSet<ParamId>,
}

impl<N: FnMut() -> GradientTransform> ModuleVisitor for ApplyByTensor<'_, N> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let transform = (self.next_transform)();
        if !self.seen.insert(param.id) {
            return;
        }
        if let Some(grad) = self.gradients.remove::<D>(param.id) {
            let (theta, grad) = (in_32_bits_at_least(param.base().inner()), in_32_bits_at_least(grad));
            self.gradients.register(param.id, transform.by_tensor(theta, grad));
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

    /// Computes the formula independently, in plain 64-bit numbers.
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
                        let none = GradientTransform::default();
                        let transform = GradientTransform { l1, l2, clip_norm, clip_value, ..none };
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
    fn every_range_is_checked_at_both_ends_and_for_nan() {
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
