//! `ema_nesterov`: gradients at a point ahead along the mean of the latest steps.

use crate::Error;
use crate::around::{Wrapper, base, base_field, twice};
use crate::driver::tracking::Tracking;
use crate::driver::{Assembly, Parameters, Path};
use crate::rule::precision::in_32_bits_at_least;
use crate::rules::parts::moments::moving_average;
use crate::spec::OptimizerSpec;
use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use optlab_core::range::{self, BELOW_ONE, NON_NEGATIVE};
use optlab_core::settings;
use optlab_core::settings::Search;
use optlab_kernel::Buffer;
use std::collections::HashMap;

settings! {
    /// EMA-Nesterov: before each step, moves the weights ahead along an exponential mean of the latest steps;
    /// the base steps from there along the gradients there.
    ///
    /// ```text
    /// m₀ = 0
    /// βₜ = β ηₜ / max(η₁, …, ηₜ)                     for T < t ≤ S; else 0. Without `scheduled`: β
    /// yₜ = θₜ₋₁ + βₜ mₜ₋₁
    /// θₜ = the base's result for yₜ and the gradient at yₜ
    /// mₜ = γ mₜ₋₁ + (1 − γ) (θₜ − θₜ₋₁)
    /// ```
    ///
    /// One more tensor per parameter. Parameters that the base does not move have `m = 0`. Each step
    /// evaluates the model once, at `yₜ`, so it needs
    /// [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step).
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `ema_nesterov`.
    ///
    /// # Example
    /// ```
    /// let text = "ema_nesterov:warmup_steps=1000,base=muon:other=adamw";
    /// let spec: optlab_optim::OptimizerSpec = text.parse()?;
    /// assert!(spec.build()?.needs_more_than_gradients());
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// The authors' code divides the rate by the first rate of the run, which its schedules take for the
    /// largest; here it is the largest so far, which is the same from the end of a warm-up on. Their default
    /// `rest_step=0` never steps ahead; here `none` steps ahead to the end. Their `lookahead_stepsize` is 0
    /// by default; here it is the 0.5 of their README and training scripts, and `γ` the 0.99 of their README.
    ///
    /// # Reference
    /// OptimAI Lab, *EMA-Nesterov*, 2026, <https://arxiv.org/abs/2605.25395>;
    /// <https://github.com/OptimAI-Lab/ema-nesterov-module>
    pub struct EmaNesterovConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Largest step ahead, in units of the mean step.
        step: f64 = 0.5, "β", in NON_NEGATIVE, search(1, Search::Uniform(0.1, 0.9));
        /// Decay of the mean of the steps.
        decay: f64 = 0.99, "γ", in BELOW_ONE, search(2, Search::Decay);
        /// Whether the step ahead shrinks with the learning rate.
        scheduled: bool = true;
        /// Steps at the start that are not made ahead.
        warmup_steps: usize = 0, "T", allowed "0…";
        /// Last step that is made ahead; none for the last of the run.
        rest_step: Option<usize> = None, "S", allowed "a number of steps";
    }
}

impl Wrapper for EmaNesterovConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let EmaNesterovConfig { step, decay, scheduled, warmup_steps, rest_step, .. } = *self;
        let ahead = EmaNesterov { step, decay, scheduled, warmup_steps, rest_step };
        match assembly.extras.ema_nesterov.replace(ahead) {
            None => Ok(assembly),
            Some(_) => Err(twice(owner)),
        }
    }
}

/// The settings of [`EmaNesterovConfig`] without its base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmaNesterov {
    /// Largest step ahead, in units of the mean step, `[0, ∞)`.
    pub step: f64,
    /// Decay of the mean of the steps, `[0, 1)`.
    pub decay: f64,
    /// Whether the step ahead shrinks with the learning rate.
    pub scheduled: bool,
    /// Steps at the start that are not made ahead.
    pub warmup_steps: usize,
    /// Last step that is made ahead; `None` for the last of the run.
    pub rest_step: Option<usize>,
}

impl EmaNesterov {
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(owner, [("step", self.step, NON_NEGATIVE), ("decay", self.decay, BELOW_ONE)])
    }

    /// Returns `βₜ` of step `t`, counted from 1, with the rate `lr` and the largest rate so far.
    fn ahead(&self, t: u64, lr: f64, largest_lr: f64) -> f64 {
        let is_after = |step: usize| t > step as u64;
        if !is_after(self.warmup_steps) || self.rest_step.is_some_and(is_after) {
            return 0.0;
        }
        let share = if largest_lr > 0.0 { lr / largest_lr } else { 1.0 };
        if self.scheduled { self.step * share } else { self.step }
    }

    /// Returns `model` moved ahead, and the parameters before that.
    pub(crate) fn moved_ahead<M: Module>(
        &self,
        model: M,
        parameters: &Parameters,
        (t, lr, largest_lr): (u64, f64, f64),
    ) -> (M, Start) {
        let ahead = self.ahead(t, lr, largest_lr);
        let start = HashMap::new();
        let mut mapper = Move { path: Path::default(), parameters, ahead, start, moved: HashMap::new() };
        let model = model.map(&mut mapper);
        (model, Start(mapper.start))
    }

    /// Updates the mean of the steps after a step from `start` to `model`.
    pub(crate) fn update<M: Module>(&self, model: &M, start: Start, parameters: &mut Parameters) {
        let (path, decay, start) = (Path::default(), self.decay, start.0);
        model.visit(&mut UpdateMean { path, parameters, decay, start });
    }
}

/// The parameters before a step ahead, in at least 32 bits, by id.
pub(crate) struct Start(HashMap<ParamId, DispatchTensor>);

struct Move<'a> {
    path: Path,
    parameters: &'a Parameters,
    ahead: f64,
    start: HashMap<ParamId, DispatchTensor>,
    /// The moved tensors by id: a parameter under several paths must stay one tensor.
    moved: HashMap<ParamId, DispatchTensor>,
}

impl ModuleMapper for Move<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &self.parameters.0[place];
        let id = param.id;
        if let Some(moved) = self.moved.get(&id) {
            let moved = Tensor::from_dispatch(moved.clone());
            return param.map(|_| moved);
        }
        if parameter.rule.is_none() || parameter.tied_to.is_some() {
            return param;
        }
        let theta = in_32_bits_at_least(param.base().inner());
        self.start.insert(id, theta.into_dispatch());
        let Some(mean) = parameter.beside.mean_step.as_ref().filter(|_| self.ahead != 0.0) else {
            return param;
        };
        let mean: Tensor<D> = mean.clone().into_tensor();
        param.map(|tensor| {
            let (theta, tracking) = Tracking::strip(tensor);
            let moved = tracking.restore(theta + mean.mul_scalar(self.ahead));
            self.moved.insert(id, moved.clone().into_dispatch());
            moved
        })
    }
}

struct UpdateMean<'a> {
    path: Path,
    parameters: &'a mut Parameters,
    decay: f64,
    start: HashMap<ParamId, DispatchTensor>,
}

impl ModuleVisitor for UpdateMean<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.path.place_in(self.parameters).expect("a parameter of this model");
        let parameter = &mut self.parameters.0[place];
        let Some(start) = self.start.remove(&param.id).filter(|_| parameter.is_moved) else {
            return;
        };
        let step = in_32_bits_at_least(param.base().inner()) - Tensor::from_dispatch(start);
        let mean = match parameter.beside.mean_step.take() {
            None => step.mul_scalar(1.0 - self.decay),
            Some(mean) => moving_average(&mean.into_tensor::<D>(), step, self.decay),
        };
        parameter.beside.mean_step = Some(Buffer::new(mean));
    }
}
