//! L-BFGS: Newton's method with the curvature of the latest steps.

use crate::Error;
use crate::driver::lbfgs::Lbfgs;
use crate::driver::{Assembly, Method, ParameterRule};
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use serde::{Deserialize, Serialize};

settings! {
    /// L-BFGS: a quasi-Newton method that estimates the curvature from the latest steps, with a line search
    /// (Liu & Nocedal, 1989).
    ///
    /// A step makes up to `max_iterations` iterations, all on the batch of the step:
    ///
    /// ```text
    /// s = the latest move, y = the change of the gradient along it; both join the history if sᵀy > 1e-10
    /// d = −H g         H from the history by the two-loop recursion, starting from (sᵀy / yᵀy) I
    /// t = η            in the very first iteration η min(1, 1 / Σ|g|)
    /// θ ← θ + t d      strong_wolfe: t is moved until
    ///                  f(θ + t d) ≤ f(θ) + 1e-4 t gᵀd  and  |g(θ + t d)ᵀd| ≤ −0.9 gᵀd
    /// ```
    ///
    /// The search brackets a point and refines the bracket by cubic interpolation. The step ends after
    /// `max_evaluations`, when no element of the gradient exceeds `tolerance_gradient`, when the slope, the
    /// loss or every parameter changes by less than `tolerance_change`.
    ///
    /// It moves all parameters together, and evaluates the model several times a step, so it needs the loss
    /// that [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step) is given; with a loss of NaN it
    /// moves nothing. It is for the whole training data as one batch: from batch to batch the change of the
    /// gradient says nothing about curvature. The default learning rate is 1.
    ///
    /// # Shapes
    /// Parameters of any rank. State, for all parameters together: the latest gradient and direction in 64
    /// bits, and `history` pairs of vectors in the parameters' precision, at least 32 bits. The arithmetic
    /// between parameters and gradients is in 64 bits, on the processor.
    ///
    /// # Groups and wrappers
    /// A [`GroupConfig`](crate::around::GroupConfig) can give some parameters to another rule: L-BFGS holds
    /// them during its iterations, then their rule steps along the gradients of the first evaluation. A
    /// group's factor of the rate scales its variables by the factor's root; a factor of 0 freezes them.
    /// `ema`, `swa` and `lawa` average the results of the steps. No other wrapper and no penalty goes with
    /// it, since it searches along the loss.
    ///
    /// # Errors
    /// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range or NaN;
    /// [`Error::Usage`] inside another rule, inside other wrappers, in groups with a schedule of their own,
    /// and beside `sophia_g`, whose labels it does not draw.
    ///
    /// # Example
    /// The minimum of a quadratic in one step:
    /// ```
    /// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
    ///
    /// let mut optimizer = "lbfgs".parse::<optlab_optim::OptimizerSpec>()?.build()?;
    /// let device = Device::default().autodiff();
    /// let scale = Tensor::<1>::from_floats([1.0, 10.0], &device);
    /// let theta = Param::from_tensor(Tensor::<1>::from_floats([3.0, -2.0], &device));
    /// let (theta, _) = optimizer.step(1.0, theta, |theta| {
    ///     let loss = (theta.val().square() * scale.clone()).sum();
    ///     let gradients = GradientsParams::from_grads(loss.backward(), theta);
    ///     (loss, gradients)
    /// });
    /// assert!(theta.val().abs().max().into_scalar::<f32>() < 1e-3);
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// `torch.optim.LBFGS`: the line search is on by default; a trial whose loss is not finite is halved
    /// instead of making the parameters NaN; a step that ends before it moves leaves no move in the history;
    /// groups. `burn.lbfgs`: the same, and this search computes in 64 bits.
    ///
    /// # Reference
    /// Liu & Nocedal, *On the limited memory BFGS method for large scale optimization*, 1989,
    /// <https://doi.org/10.1007/BF01589116>; Nocedal & Wright, *Numerical Optimization*, 2006, algorithms
    /// 3.5, 3.6 and 7.4
    pub struct LbfgsConfig {
        /// Largest number of iterations per step.
        max_iterations: usize = 20, in ITERATIONS;
        /// Largest number of evaluations per step; none for 5/4 of the iterations.
        max_evaluations: Option<usize> = None, in ITERATIONS;
        /// Number of past moves from which the curvature is estimated.
        history: usize = 100, in ITERATIONS, search(1, Search::Choice(&[5, 10, 20, 50, 100]));
        /// Largest absolute element of the gradient at or below which a step ends.
        tolerance_gradient: f64 = 1e-7, in NON_NEGATIVE;
        /// Change of the loss or of the parameters below which a step ends.
        tolerance_change: f64 = 1e-9, in NON_NEGATIVE;
        /// How the length of an iteration is found.
        line_search: LineSearch = (LineSearch::StrongWolfe) as "`strong_wolfe`", allowed "`strong_wolfe` or `fixed`";
    }
}

/// How [`LbfgsConfig`] finds the length of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineSearch {
    /// Until the strong Wolfe conditions hold.
    StrongWolfe,
    /// The learning rate is the length.
    Fixed,
}

impl RuleConfig for LbfgsConfig {
    const DEFAULT_LR: f64 = 1.0;
    const LR_SEARCH: (f64, f64) = (10.0, 3.0);

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(Error::Usage(format!(
            "`{owner}` moves all parameters together: it cannot be one of several rules"
        )))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        self.check(owner)?;
        let method = Method::Lbfgs(Box::new(Lbfgs::new(self)));
        Ok(Assembly { method, ..Assembly::of(vec![ParameterRule::lbfgs()]) })
    }
}

impl LbfgsConfig {
    /// Returns the largest number of evaluations per step.
    pub(crate) fn most_evaluations(&self) -> usize {
        self.max_evaluations.unwrap_or(self.max_iterations * 5 / 4)
    }

    /// Returns whether there is a line search.
    pub(crate) fn searches(&self) -> bool {
        self.line_search == LineSearch::StrongWolfe
    }
}
