//! What the training loop drives: rules, their state for each parameter, and what is around them.

pub(crate) mod any_rule;
mod assembly;
mod curvature;
mod estimate;
mod evaluation;
mod group;
mod method;
pub(crate) mod parameter_rule;
mod parameters;
mod saved_state;
mod walk;

pub use assembly::Assembly;
pub use group::{Group, LearningRates, Patterns};
pub(crate) use method::Method;
pub use method::{Evaluate, Loss};
pub use parameter_rule::{ParameterInfo, ParameterRule};

use crate::Error;
use crate::around::total::{self, Total};
use crate::around::{Extras, GradientTransform, WeightAverage};
use crate::rule::ElementwiseRule;
use any_rule::Shared;
use burn::module::Module;
use burn::optim::{GradientsParams, Optimizer};
use curvature::UpdateCurvature;
use evaluation::PutEvaluated;
use method::ByClosure;
use optlab_kernel::in_one_region;
use parameters::{Parameters, Path};
use std::collections::HashMap;
use std::sync::Arc;
use walk::{Job, Put, Step, Take};

/// An optimizer for a whole model.
///
/// An [`ElementwiseRule`] moves all parameters that are on the host in one parallel region and one pass over memory, and
/// what comes before and after the rule is part of that pass: the [`GradientTransform`], with its clipping by the norm of
/// all gradients, and the [`Extras`]. Parameters are moved in place where the model holds them alone.
///
/// A parameter that the model has by several paths is moved once and stays one. Parameters of 16-bit floats are moved and
/// remembered in 32 bits.
///
/// Unlike Burn's `ModuleOptimizer` it keys its state by the parameter's path, so that saved state does not depend on
/// random ids; it saves the same bytes for the same state; and loading a state that does not fit is an error, never a
/// silent restart.
pub struct ModelOptimizer {
    name: String,
    rules: Vec<ParameterRule>,
    method: Method,
    transform: GradientTransform,
    extras: Extras,
    groups: Vec<Group>,
    /// Empty before the first step.
    parameters: Parameters,
    /// What the parameters of each rule share.
    shared: Vec<Option<Arc<Shared>>>,
    /// Steps made.
    steps: u64,
    /// Steps left out because a gradient was not finite.
    skipped: u64,
    /// The square of the norm of the gradients of the latest step.
    squared_norm: Option<Total>,
    /// Empty but during a step; kept for its memory.
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
    /// One of Burn's optimizers for all parameters. `name` is written into saved state, and state of another name is
    /// refused.
    pub fn new(name: &str, rule: impl Optimizer) -> Self {
        Self::with_rules(name, vec![ParameterRule::burn(rule)])
    }

    /// An element-wise rule for all parameters, in one pass over them. `name` is as for [`new`](Self::new).
    pub fn elementwise(name: &str, rule: impl ElementwiseRule) -> Self {
        Self::with_rules(name, vec![ParameterRule::elementwise(rule)])
    }

    /// Several rules; each parameter gets the first that applies to it, and stays as it is where none does.
    pub fn with_rules(name: &str, rules: Vec<ParameterRule>) -> Self {
        Self::assembled(name, Assembly::of(rules))
    }

    /// All that an optimizer is put together from.
    pub(crate) fn assembled(name: &str, assembly: Assembly) -> Self {
        let Assembly { rules, method, transform, extras, groups } = assembly;
        ModelOptimizer {
            name: name.into(),
            shared: estimate::fresh(&rules),
            rules,
            method,
            transform,
            extras,
            groups,
            parameters: Parameters::default(),
            steps: 0,
            skipped: 0,
            squared_norm: None,
            jobs: Vec::new(),
        }
    }

    /// Does that to the gradients of every step first.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field that is out of its range, or set before; [`Error::Usage`] with `burn.lbfgs`.
    pub fn with_gradient_transform(mut self, transform: GradientTransform) -> Result<Self, Error> {
        transform.validate()?;
        if transform != GradientTransform::default() && matches!(self.method, Method::Lbfgs(_)) {
            let reason = "penalties and clipping are not for L-BFGS, which searches along the loss";
            return Err(Error::Usage(reason.into()));
        }
        self.transform = self.transform.merged(transform)?;
        Ok(self)
    }

    /// Does that beside the rules in every step.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range; [`Error::Usage`] with `burn.lbfgs`.
    pub fn with_extras(self, extras: Extras) -> Result<Self, Error> {
        extras.validate()?;
        if extras != Extras::default() && matches!(self.method, Method::Lbfgs(_)) {
            return Err(Error::Usage("L-BFGS has no rules for anything to be beside".into()));
        }
        Ok(ModelOptimizer { extras, ..self })
    }

    /// Keeps an exponential moving average of the weights, `a ← δ a + (1 − δ) θ` after each step, from `a = θ` before the
    /// first, which [`for_evaluation`](Self::for_evaluation) puts in their place. It is saved with the rule's state.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless the decay `δ` is in `[0, 1)`.
    pub fn with_weight_average(self, decay: f64) -> Result<Self, Error> {
        let average = Some(WeightAverage::Exponential { decay });
        let extras = Extras { average, ..self.extras };
        self.with_extras(extras)
    }

    /// Whether every group of parameters has one in `model`: a misspelt name has none.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a group whose patterns match no parameter, with the names of those that there are.
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

    /// The groups of parameters of [`GroupConfig`](crate::around::groups::GroupConfig), the innermost first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// One step: evaluates the model, then moves its parameters.
    ///
    /// `evaluate` gives whatever it measured, as a loss, and the gradients at the model it is given. Most rules call it
    /// once, `sam` and `asam` twice, `burn.lbfgs` several times. What the first call measured is returned.
    ///
    /// # Panics
    /// If the model is another one than in earlier steps; if a rule needs [`Evaluate::evaluate_sampled`].
    pub fn step<'a, M: Module, T: Loss>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        evaluate: impl FnMut(&M) -> (T, GradientsParams),
    ) -> (M, T) {
        self.step_with(lr, model, &mut ByClosure(evaluate))
    }

    /// [`step`](Self::step), for rules that need more than gradients.
    ///
    /// # Panics
    /// If the model is another one than in earlier steps; if a rule needs [`Evaluate::evaluate_sampled`] and gets `None`.
    pub fn step_with<'a, M: Module, E: Evaluate<M>>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        evaluate: &mut E,
    ) -> (M, E::Measured) {
        self.meet(&model);
        let rates = lr.into();
        if matches!(self.method, Method::Lbfgs(_)) {
            return self.step_by_lbfgs(rates.base, model, evaluate);
        }
        let sampled = curvature::is_wanted(&self.rules, self.steps + 1).then(|| {
            let sampled = evaluate.evaluate_sampled(&model);
            sampled
                .unwrap_or_else(|| panic!("`{}` needs gradients under labels drawn by the model", self.name))
        });
        let (measured, mut gradients) = evaluate.evaluate(&model);
        if let Method::Sharpness(sharpness) = self.method {
            (_, gradients) = evaluate.evaluate(&sharpness.ascended(&model, &gradients));
        }
        let model = self.apply_with(rates, model, &mut gradients, sampled.as_ref());
        (model, measured)
    }

    /// Moves the parameters of `model` along `gradients`. Parameters without a gradient stay as they are.
    ///
    /// # Panics
    /// If the model is another one than in earlier steps; if the rule needs more than these gradients (`sam`, `asam`,
    /// `sophia_g`, `burn.lbfgs`).
    pub fn apply<'a, M: Module>(
        &mut self,
        lr: impl Into<LearningRates<'a>>,
        model: M,
        gradients: &mut GradientsParams,
    ) -> M {
        self.meet(&model);
        assert!(!self.needs_more_than_gradients(), "`{}` needs more than gradients: call `step`", self.name);
        self.apply_with(lr.into(), model, gradients, None)
    }

    /// Whether a step takes more than the gradients at the model, so that [`apply`](Self::apply) is not enough.
    pub fn needs_more_than_gradients(&self) -> bool {
        let has_curvature = |rule: &ParameterRule| rule.kind.curvature().is_some();
        !matches!(self.method, Method::Once) || self.rules.iter().any(has_curvature)
    }

    fn meet<M: Module>(&mut self, model: &M) {
        if self.parameters.0.is_empty() {
            self.parameters = Parameters::of(model, &self.rules);
        }
    }

    fn apply_with<M: Module>(
        &mut self,
        rates: LearningRates<'_>,
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
            let (examples, t) = (*examples, self.steps);
            model.visit(&mut UpdateCurvature { path, parameters, sampled, examples, t });
        }
        let transform = self.transform_gradients(&model, gradients);
        let factor = self.squared_norm.as_ref().map(|norm| transform.factor(norm));
        let (t, extras) = (self.steps, &self.extras);
        let mut step = Step { rates, t, transform, factor, extras, shared: &self.shared };
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
        if self.jobs.is_empty() && !is_tied {
            return model;
        }
        in_one_region(&mut self.jobs, Job::size, Job::run);
        let jobs = self.jobs.drain(..).peekable();
        let tied = is_tied.then(HashMap::new);
        model.map(&mut Put { parameters: &mut self.parameters, jobs, tied })
    }

    /// Does to the gradients what cannot be done in the pass, takes their norm, and gives what is left to do.
    fn transform_gradients<M: Module>(
        &mut self,
        model: &M,
        gradients: &mut GradientsParams,
    ) -> GradientTransform {
        let parameters = &self.parameters.0;
        let each = |transform: GradientTransform| {
            let mut places = parameters.iter();
            move || places.next().map_or(transform, |parameter| walk::transform_of(transform, parameter))
        };
        let transform = self.transform.apply_by_tensor(model, gradients, each(self.transform));
        self.squared_norm =
            transform.clip_norm.map(|_| total::squared_norm(model, gradients, each(transform)));
        transform
    }

    fn step_by_lbfgs<M: Module, E: Evaluate<M>>(
        &mut self,
        lr: f64,
        model: M,
        evaluate: &mut E,
    ) -> (M, E::Measured) {
        let Method::Lbfgs(lbfgs) = &mut self.method else { unreachable!("the caller knows the method") };
        let mut first = None;
        let (moved, _) = lbfgs.step(lr, model.clone(), |model| {
            let (measured, gradients) = evaluate.evaluate(&model);
            let loss = measured.loss();
            first.get_or_insert(measured);
            (loss, method::with_zeros(&model, gradients))
        });
        self.steps += 1;
        (moved, first.expect("L-BFGS evaluates where it starts"))
    }

    /// The Euclidean norm of all gradients of the latest step together, before it was clipped; none where the
    /// [`GradientTransform`] does not clip it.
    pub fn gradient_norm(&self) -> Option<GradientNorm> {
        self.squared_norm.clone().map(GradientNorm)
    }

    /// How many steps were left out because a gradient was not finite.
    pub fn skipped_steps(&self) -> u64 {
        self.skipped
    }

    /// Whether [`for_evaluation`](Self::for_evaluation) gives another model than the one that is trained.
    pub fn has_evaluation_mode(&self) -> bool {
        let by_rule =
            |rule: &ParameterRule| rule.kind.elementwise().is_some_and(|rule| rule.has_evaluation());
        self.extras.average.is_some() || self.rules.iter().any(by_rule)
    }

    /// The model to evaluate while training goes on: the model itself, the average of its weights, or where the rule
    /// evaluates another point than it trains, that.
    pub fn for_evaluation<M: Module>(&self, model: &M) -> M {
        let model = model.valid();
        if !self.has_evaluation_mode() {
            return model;
        }
        model.map(&mut PutEvaluated { path: Path::default(), parameters: &self.parameters })
    }
}

/// A norm, which a device may still be computing.
#[derive(Debug, Clone)]
pub struct GradientNorm(Total);

impl GradientNorm {
    /// The number, for which it waits.
    pub fn value(&self) -> f64 {
        self.0.value().sqrt()
    }
}

#[cfg(test)]
mod tests;
