//! How many times a step evaluates the model, and at which points.

use crate::around::sharpness::Sharpness;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, LBFGS};
use burn::tensor::Tensor;

/// How a step evaluates the model and moves the parameters.
#[derive(Clone, Default)]
pub(crate) enum Method {
    /// One evaluation; the rules move the parameters along its gradients.
    #[default]
    Once,
    /// Two evaluations, the second at the nearby point with the largest loss. The rules see the second
    /// gradients.
    Sharpness(Sharpness),
    /// As many evaluations as Burn's L-BFGS requests, which moves all parameters itself.
    Lbfgs(Box<LBFGS>),
}

/// The result of evaluating a model. Some methods need its loss.
pub trait Loss {
    /// Returns the loss; waits for the device that computes it.
    fn loss(&self) -> f64;
}

impl Loss for f64 {
    fn loss(&self) -> f64 {
        *self
    }
}

impl Loss for f32 {
    fn loss(&self) -> f64 {
        (*self).into()
    }
}

/// The tensor is a loss of one element.
impl Loss for Tensor<1> {
    fn loss(&self) -> f64 {
        self.clone().into_scalar::<f32>().into()
    }
}

/// Without a measurement the loss is NaN.
impl Loss for () {
    fn loss(&self) -> f64 {
        f64::NAN
    }
}

/// An evaluation of a model that an optimizer can request.
///
/// Most rules need only the closure of [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step); this
/// trait is for rules that need more.
pub trait Evaluate<M> {
    /// The result of an evaluation.
    type Measured: Loss;

    /// Returns the result at `model` and the gradients of the loss.
    fn evaluate(&mut self, model: &M) -> (Self::Measured, GradientsParams);

    /// Returns the gradients of the mean loss with each label drawn at random from the model's own
    /// predictions, and the number of examples. `sophia_g` estimates the curvature from them. `None` if this
    /// is not supported.
    fn evaluate_sampled(&mut self, _model: &M) -> Option<(GradientsParams, usize)> {
        None
    }
}

/// A closure as an [`Evaluate`].
pub(crate) struct ByClosure<F>(pub F);

impl<M, T: Loss, F: FnMut(&M) -> (T, GradientsParams)> Evaluate<M> for ByClosure<F> {
    type Measured = T;

    fn evaluate(&mut self, model: &M) -> (T, GradientsParams) {
        self.0(model)
    }
}

/// Returns `gradients` with zeros for the parameters that have none.
pub(crate) fn with_zeros<M: Module>(model: &M, mut gradients: GradientsParams) -> GradientsParams {
    struct Fill<'a>(&'a mut GradientsParams);
    impl ModuleVisitor for Fill<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.0.get::<D>(param.id).is_none() {
                self.0.register(param.id, param.base().inner().zeros_like());
            }
        }
    }
    model.visit(&mut Fill(&mut gradients));
    gradients
}
