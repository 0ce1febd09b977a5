//! How many times a step evaluates the model, and at which points.

use crate::around::EmaNesterov;
use crate::around::ema_nesterov::Start;
use crate::around::sharpness::Sharpness;
use crate::driver::ModelOptimizer;
use crate::driver::lbfgs::Lbfgs;
use crate::driver::statistics::Values;
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
    /// As many evaluations as L-BFGS requests, which moves its parameters itself, before the other rules.
    Lbfgs(Box<Lbfgs>),
    /// As many evaluations as Burn's L-BFGS requests, which moves all parameters itself.
    BurnLbfgs(Box<LBFGS>),
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

/// A step ahead whose end still has to be told to [`EmaNesterov`].
pub(crate) struct Ahead<M> {
    settings: EmaNesterov,
    largest_lr: f64,
    start: Start,
    /// The model before, if the step may be skipped, and the number of steps made before.
    unmoved: Option<M>,
    steps: u64,
}

impl ModelOptimizer {
    /// Makes one step of Burn's L-BFGS.
    pub(super) fn step_by_burns_lbfgs<M: Module, E: Evaluate<M>>(
        &mut self,
        lr: f64,
        model: M,
        evaluate: &mut E,
    ) -> (M, E::Measured) {
        let statistics = self.statistics.clone().unwrap_or_default();
        let Method::BurnLbfgs(lbfgs) = &mut self.method else { unreachable!("the caller knows the method") };
        let mut first = None;
        // L-BFGS sets every tensor back to its value before the step, so the statistics are kept here.
        let mut latest = Values::default();
        let (moved, _) = lbfgs.step(lr, model.clone(), |model| {
            let model = latest.put(model);
            let (measured, gradients) = evaluate.evaluate(&model);
            latest = statistics.values(&model);
            let loss = measured.loss();
            first.get_or_insert(measured);
            (loss, with_zeros(&model, gradients))
        });
        self.steps += 1;
        let moved = latest.put(moved);
        (moved, first.expect("L-BFGS evaluates where it starts"))
    }

    /// Moves `model` ahead if [`EmaNesterov`] is in use.
    pub(super) fn moved_ahead<M: Module>(&self, lr: f64, model: M) -> (M, Option<Ahead<M>>) {
        let Some(settings) = self.extras.ema_nesterov else {
            return (model, None);
        };
        let (largest_lr, steps) = (self.largest_lr.max(lr), self.steps);
        let unmoved = self.extras.skip_non_finite.then(|| model.clone());
        let at = (steps + 1, lr, largest_lr);
        let (model, start) = settings.moved_ahead(model, &self.parameters, at);
        (model, Some(Ahead { settings, largest_lr, start, unmoved, steps }))
    }

    /// Returns `model` after a step from the point ahead; the model before it if the step was skipped.
    pub(super) fn finish_ahead<M: Module>(&mut self, model: M, ahead: Option<Ahead<M>>) -> M {
        match ahead {
            None => model,
            Some(Ahead { unmoved: Some(unmoved), steps, .. }) if steps == self.steps => unmoved,
            Some(Ahead { settings, largest_lr, start, .. }) => {
                self.largest_lr = largest_lr;
                settings.update(&model, start, &mut self.parameters);
                model
            }
        }
    }
}
