//! The optimizer that a training loop drives: rules, wrappers, and their state for each parameter.

pub(crate) mod any_rule;
pub(crate) mod around_rule;
pub(crate) mod assembly;
pub(crate) mod beside;
mod curvature;
mod estimate;
mod evaluation;
mod following;
mod gradient_norm;
mod group;
pub(crate) mod lbfgs;
mod method;
pub(crate) mod parameter_rule;
mod parameters;
mod saved_form;
mod saved_state;
mod shared_state;
mod statistics;
mod statistics_average;
pub(crate) mod tracking;
pub(crate) mod walk;

pub use assembly::Assembly;
pub(crate) use following::Following;
pub use gradient_norm::GradientNorm;
pub use group::{Group, LearningRates, Patterns};
pub(crate) use method::Method;
pub use method::{Evaluate, Loss};
pub use parameter_rule::{ParameterInfo, ParameterRule};
pub use parameters::parameter_shapes;
pub use saved_state::StateRecord;
pub use statistics::{synchronize_statistics, with_statistics_kept};
pub use statistics_average::StatisticsAverage;

use crate::Error;
use crate::around::gradient_filter::GradientFilter;
use crate::around::mechanic::{Factors, Mechanic};
use crate::around::norm::Norm;
use crate::around::total;
use crate::around::{Extras, GradientTransform, WeightAverage};
use crate::rule::ElementwiseRule;
use any_rule::SharedNumbers;
use burn::module::Module;
use burn::optim::{GradientsParams, Optimizer};
use curvature::UpdateCurvature;
use method::ByClosure;
use optlab_kernel::in_one_region;
pub(crate) use parameters::{Parameter, Parameters, Path};
use statistics::{RunningStatistics, Values};
use std::collections::HashMap;
use std::sync::Arc;
use walk::{Job, Put, StepContext, Take};

/// An optimizer for a whole model.
///
/// An [`ElementwiseRule`] moves all parameters on the host in one parallel region and one pass over memory.
/// That pass includes the operations before and after the rule: the [`GradientTransform`], with its clipping
/// by the norm of all gradients, and the [`Extras`]. Parameters are moved in place if only the model holds
/// them.
///
/// A parameter that the model has under several paths is moved once and stays shared. Parameters of 16-bit
/// floats are moved, and their state is kept, in 32 bits.
///
/// Unlike Burn's `ModuleOptimizer`, it keys the state by the parameter's path, so that saved state does not
/// depend on random ids; the same state is saved as the same bytes; and loading a state that does not match
/// is an error, never a silent restart.
pub struct ModelOptimizer {
    name: String,
    rules: Vec<ParameterRule>,
    method: Method,
    filter: Option<GradientFilter>,
    transform: GradientTransform,
    extras: Extras,
    groups: Vec<Group>,
    /// The parameters and their state; empty before the first step.
    parameters: Parameters,
    /// The model's running statistics; `None` before the first step.
    statistics: Option<RunningStatistics>,
    /// The state that the parameters of each rule share.
    shared: Vec<Option<Arc<SharedNumbers>>>,
    /// The numbers that follow schedules.
    following: Option<Box<Following>>,
    /// The seed of the random bits of stochastic rounding.
    seed: u64,
    /// Number of steps made.
    steps: u64,
    /// Number of steps skipped because a gradient was not finite.
    skipped: u64,
    /// The largest learning rate so far.
    largest_lr: f64,
    /// The learned factors of [`Mechanic`](crate::around::Mechanic).
    factors: Factors,
    /// Norm of the latest step's gradients.
    norm: Option<Norm>,
    /// Empty except during a step; kept to reuse its allocation.
    jobs: Vec<Job>,
}

impl std::fmt::Debug for ModelOptimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelOptimizer")
            .field("name", &self.name)
            .field("parameters", &self.parameters.0.len())
            .finish_non_exhaustive()
    }
}

impl ModelOptimizer {
    /// Builds an optimizer that uses one of Burn's optimizers for all parameters. `name` is written into
    /// saved state; loading state with another name is an error.
    pub fn new(name: &str, rule: impl Optimizer) -> Self {
        Self::with_rules(name, vec![ParameterRule::burn(rule)])
    }

    /// Builds an optimizer that uses an element-wise rule for all parameters, in one pass over them. `name`
    /// is as for [`new`](Self::new).
    pub fn elementwise(name: &str, rule: impl ElementwiseRule) -> Self {
        Self::with_rules(name, vec![ParameterRule::elementwise(rule)])
    }

    /// Builds an optimizer from several rules. Each parameter is moved by the first rule that applies to it;
    /// without one it stays unchanged.
    pub fn with_rules(name: &str, rules: Vec<ParameterRule>) -> Self {
        Self::assembled(name, Assembly::of(rules))
    }

    /// Builds an optimizer from its assembled parts.
    pub(crate) fn assembled(name: &str, assembly: Assembly) -> Self {
        let Assembly { rules, method, filter, transform, extras, groups } = assembly;
        ModelOptimizer {
            name: name.into(),
            shared: estimate::fresh(&rules),
            rules,
            method,
            filter,
            transform,
            extras,
            groups,
            parameters: Parameters::default(),
            statistics: None,
            following: None,
            seed: 0,
            steps: 0,
            skipped: 0,
            largest_lr: 0.0,
            factors: Factors::default(),
            norm: None,
            jobs: Vec::new(),
        }
    }

    /// Applies `transform` to the gradients before each step.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field that is out of range or already set; [`Error::Usage`] with
    /// L-BFGS.
    pub fn with_gradient_transform(mut self, transform: GradientTransform) -> Result<Self, Error> {
        transform.validate()?;
        let is_lbfgs = matches!(self.method, Method::Lbfgs(_) | Method::BurnLbfgs(_));
        if transform != GradientTransform::default() && is_lbfgs {
            let reason = "L-BFGS takes no penalties and no clipping, since it searches along the loss";
            return Err(Error::Usage(reason.into()));
        }
        self.transform = self.transform.merged(transform)?;
        self.remember_transform(transform)?;
        Ok(self)
    }

    /// Applies `extras` (decay, averaging …) in each step.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range; [`Error::Usage`] with L-BFGS or schedules.
    pub fn with_extras(mut self, extras: Extras) -> Result<Self, Error> {
        extras.validate()?;
        assembly::check_evaluation(&self.name, &extras, &self.rules)?;
        let allowed = match self.method {
            Method::Once | Method::Sharpness(_) => extras,
            Method::Lbfgs(_) => Extras { average: extras.average, ..Extras::default() },
            Method::BurnLbfgs(_) => Extras::default(),
        };
        if extras != allowed {
            return Err(Error::Usage("L-BFGS takes no wrappers, since it searches along the loss".into()));
        }
        self.remember_extras(extras)?;
        Ok(ModelOptimizer { extras, ..self })
    }

    /// Keeps an exponential moving average of the weights: `a ← δ a + (1 − δ) θ` after each step, starting
    /// from `a = θ`. [`for_evaluation`](Self::for_evaluation) uses it in place of the weights. It is saved
    /// with the rule's state.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless the decay `δ` is in `[0, 1)`.
    pub fn with_weight_average(self, decay: f64) -> Result<Self, Error> {
        let average = Some(WeightAverage::Exponential { decay });
        let extras = Extras { average, ..self.extras };
        self.with_extras(extras)
    }

    /// Draws the random bits of stochastic rounding from `seed`, which is 0 by default; see
    /// [`CompactConfig`](crate::around::CompactConfig). It is not saved: set it again before resuming.
    pub fn with_seed(self, seed: u64) -> Self {
        ModelOptimizer { seed, ..self }
    }

    /// Checks that every group of parameters matches at least one in `model`; a misspelt name would match
    /// none.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a group whose patterns match no parameter; the message lists the model's
    /// parameters.
    pub fn check<M: Module>(&self, model: &M) -> Result<(), Error> {
        let parameters = Parameters::of(model, &[]).0;
        let paths: Vec<&str> = parameters.iter().map(|parameter| parameter.path.as_str()).collect();
        let is_empty = |group: &&Group| !paths.iter().any(|path| group.patterns.matches(path));
        match self.groups.iter().find(is_empty) {
            None => Ok(()),
            Some(group) => {
                let allowed = format!("patterns that match some of {}", paths.join(", "));
                Err(Error::invalid("group", "parameters", &allowed, &group.patterns))
            }
        }
    }

    /// Returns the groups of [`GroupConfig`](crate::around::GroupConfig), the innermost first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Makes one step: evaluates the model, then moves its parameters.
    ///
    /// `evaluate` returns a measurement, such as the loss, and the gradients at the model it is given. Most
    /// rules call it once, `sam` and `asam` twice, `lbfgs` several times. The measurement of the first
    /// call is returned.
    ///
    /// # Panics
    /// If the model differs from the one in earlier steps; if a rule needs [`Evaluate::evaluate_sampled`].
    pub fn step<'a, M: Module, T: Loss>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        evaluate: impl FnMut(&M) -> (T, GradientsParams),
    ) -> (M, T) {
        self.step_with(lr, model, &mut ByClosure(evaluate))
    }

    /// Makes one step, as [`step`](Self::step) does, with rules that need more than gradients.
    ///
    /// # Panics
    /// If the model differs from the one in earlier steps; if a rule needs [`Evaluate::evaluate_sampled`] and
    /// gets `None`.
    pub fn step_with<'a, M: Module, E: Evaluate<M>>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        evaluate: &mut E,
    ) -> (M, E::Measured) {
        self.meet(&model);
        let rates = lr.into();
        match self.method {
            Method::Lbfgs(_) => return self.step_by_lbfgs(rates, model, evaluate),
            Method::BurnLbfgs(_) => return self.step_by_burns_lbfgs(rates.base, model, evaluate),
            Method::Once | Method::Sharpness(_) => {}
        }
        let (mut model, ahead) = self.moved_ahead(rates.base, model);
        let sampled = curvature::is_wanted(&self.rules, self.steps + 1).then(|| {
            let sampled = evaluate.evaluate_sampled(&model);
            sampled
                .unwrap_or_else(|| panic!("`{}` needs gradients under labels drawn by the model", self.name))
        });
        let needs_loss = self.rules.iter().any(|rule| rule.kind.needs_loss());
        let loss_of = |measured: &E::Measured| if needs_loss { measured.loss() } else { f64::NAN };
        let (measured, mut gradients) = evaluate.evaluate(&model);
        let mut loss = loss_of(&measured);
        if let Method::Sharpness(sharpness) = self.method {
            // The nearby point is not trained, so the statistics do not follow it.
            let statistics = self.statistics_of(&model);
            let nearby;
            (nearby, gradients) = evaluate.evaluate(&sharpness.ascended(&model, &gradients));
            loss = loss_of(&nearby);
            synchronize_statistics(&model);
            model = statistics.put(model);
        }
        let model = self.apply_with(rates, loss, model, &mut gradients, sampled.as_ref());
        (self.finish_ahead(model, ahead), measured)
    }

    /// Moves the parameters of `model` along `gradients`. Parameters without a gradient stay as they are.
    ///
    /// # Panics
    /// If the model differs from the one in earlier steps; if the rule needs more than these gradients
    /// (`sam`, `asam`, `ema_nesterov`, `sophia_g`, `momo`, `momo_adam`, `polyak`, `schedule_free_plus`,
    /// `lbfgs`).
    pub fn apply<'a, M: Module>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        gradients: &mut GradientsParams,
    ) -> M {
        self.meet(&model);
        assert!(!self.needs_more_than_gradients(), "`{}` needs more than gradients: call `step`", self.name);
        self.apply_with(lr.into(), f64::NAN, model, gradients, None)
    }

    /// Returns whether a step needs more than the gradients at the model, so that [`apply`](Self::apply) is
    /// not enough.
    pub fn needs_more_than_gradients(&self) -> bool {
        let needs_more = |rule: &ParameterRule| rule.kind.curvature().is_some() || rule.kind.needs_loss();
        let is_ahead = self.extras.ema_nesterov.is_some();
        is_ahead || !matches!(self.method, Method::Once) || self.rules.iter().any(needs_more)
    }

    fn meet<M: Module>(&mut self, model: &M) {
        self.follow_schedules(self.steps);
        if self.parameters.0.is_empty() {
            self.parameters = Parameters::of(model, &self.rules);
        }
        if self.statistics.is_none() {
            self.statistics = Some(RunningStatistics::of(model));
        }
    }

    /// Returns the values of the model's running statistics.
    fn statistics_of<M: Module>(&self, model: &M) -> Values {
        self.statistics.as_ref().map_or_else(Values::default, |statistics| statistics.values(model))
    }

    fn apply_with<M: Module>(
        &mut self,
        rates: LearningRates<'_>,
        loss: f64,
        model: M,
        gradients: &mut GradientsParams,
        sampled: Option<&(GradientsParams, usize)>,
    ) -> M {
        if self.extras.skip_non_finite && !total::are_finite(&model, gradients) {
            self.skipped += 1;
            return model;
        }
        self.steps += 1;
        if let Some((sampled, examples)) = sampled {
            let (path, parameters) = (Path::default(), &mut self.parameters);
            let (examples, t, seed) = (*examples, self.steps, self.seed);
            model.visit(&mut UpdateCurvature { path, parameters, sampled, examples, t, seed });
        }
        if let Some(filter) = self.filter {
            filter.apply(&model, gradients, &mut self.parameters);
        }
        let transform = self.transform_gradients(&model, gradients);
        let factor = self.norm.as_ref().map(|norm| transform.factor(norm));
        let (t, extras) = (self.steps, &self.extras);
        let (shared, seed) = (&self.shared, self.seed);
        let mut step = StepContext { rates, loss, t, transform, factor, extras, shared, seed };
        let (parameters, factors) = (&mut self.parameters, &mut self.factors);
        let mechanic = extras.mechanic;
        let mechanic = mechanic.map(|it| it.start(&model, gradients, parameters, &step, factors));
        let shared = if self.shared.iter().any(Option::is_some) {
            estimate::advance(&self.rules, &model, gradients, &mut self.parameters, &step)
        } else {
            Vec::new()
        };
        step.shared = &shared;
        let (path, parameters, jobs) = (Path::default(), &mut self.parameters, &mut self.jobs);
        let model = model.map(&mut Take { path, parameters, gradients, step, jobs });
        if !shared.is_empty() {
            self.shared = shared;
        }
        let is_tied = self.parameters.0.iter().any(|parameter| parameter.tied_to.is_some());
        let model = if self.jobs.is_empty() && !is_tied {
            model
        } else {
            in_one_region(&mut self.jobs, Job::size, Job::run);
            let jobs = self.jobs.drain(..).peekable();
            let tied = is_tied.then(HashMap::new);
            model.map(&mut Put { parameters: &mut self.parameters, jobs, tied })
        };
        let model = match mechanic {
            None => model,
            Some(started) => Mechanic::finish(model, started, &mut self.parameters),
        };
        self.take_snapshots(&model);
        model
    }

    /// Returns about how many operations with matrices a step takes for `model`, as
    /// [`TensorRule::operations`](crate::rule::TensorRule::operations), for all parameters together.
    pub fn operations<M: Module>(&self, model: &M) -> f64 {
        Parameters::of(model, &self.rules).0.iter().map(Parameter::operations).sum()
    }

    /// Returns the number of steps skipped because a gradient was not finite.
    pub fn skipped_steps(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests;
