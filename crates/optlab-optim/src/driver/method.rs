//! How often a step evaluates the model, and where.

use crate::around::sharpness::Sharpness;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, LBFGS};
use burn::tensor::Tensor;

/// What a step does with the evaluations of the model.
#[derive(Clone, Default)]
pub(crate) enum Method {
    /// One evaluation, along whose gradients the rules move the parameters.
    #[default]
    Once,
    /// Two: the second where the loss is largest nearby. The rules see the second's gradients.
    Sharpness(Sharpness),
    /// As many as Burn's L-BFGS asks for, which moves all parameters by itself.
    Lbfgs(Box<LBFGS>),
}

/// What an evaluation of a model measured, of which a method may need the loss.
pub trait Loss {
    /// The loss; waits for the device that computes it.
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

/// A loss of one element.
impl Loss for Tensor<1> {
    fn loss(&self) -> f64 {
        self.clone().into_scalar::<f32>().into()
    }
}

/// Nothing was measured: the loss is NaN.
impl Loss for () {
    fn loss(&self) -> f64 {
        f64::NAN
    }
}

/// Evaluates a model, for an optimizer that asks for it.
///
/// A closure is enough for [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step); this is for rules that need more.
pub trait Evaluate<M> {
    /// What is measured.
    type Measured: Loss;

    /// What was measured at `model`, and the gradients of the loss.
    fn evaluate(&mut self, model: &M) -> (Self::Measured, GradientsParams);

    /// The gradients of the mean loss over as many examples as are returned, with each label drawn at random from what the
    /// model itself predicts: the sample from which `sophia_g` estimates the curvature. `None` where there is no such thing.
    fn evaluate_sampled(&mut self, _model: &M) -> Option<(GradientsParams, usize)> {
        None
    }
}

/// A closure that evaluates a model.
pub(crate) struct ByClosure<F>(pub F);

impl<M, T: Loss, F: FnMut(&M) -> (T, GradientsParams)> Evaluate<M> for ByClosure<F> {
    type Measured = T;

    fn evaluate(&mut self, model: &M) -> (T, GradientsParams) {
        self.0(model)
    }
}

/// `gradients` with zeros for the parameters that have none.
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
